"""The page: the same in the WebUI's tab and standalone. Only this package imports gradio."""
