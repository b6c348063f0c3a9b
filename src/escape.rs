//! Makes hostile text harmless for HTML, Markdown and the terminal.
