//! Rich output: what a cell shows besides printed text.
//!
//! `rich_display.rs` says how types are shown, `media.rs` has content of other forms,
//! `debug_form.rs` is for everything else; `frames.rs` writes to the kernel, `input.rs` asks the
//! user, `flush.rs` sends printed text on. What is drawn comes from `figures/` and
//! `training/progress.rs`.

pub(crate) mod flush;
pub(crate) mod frames;
pub(crate) mod input;
pub(crate) mod media;
pub(crate) mod printing;
pub(crate) mod rich_display;

mod debug_form;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use frames::Frame;
pub(crate) use rich_display::RichDisplay;

use crate::training::interrupt;

/// One thing to show, in one or more forms of which the front end takes the richest it knows.
///
/// # Example
/// ```
/// use torchbook::Rich;
///
/// let greeting = Rich::text("hello").with_html("<b>hello</b>");
/// greeting.display();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rich {
    data: Map<String, Value>,
    metadata: Map<String, Value>,
}

impl Rich {
    /// Plain text, which every front end and every terminal can show: each `Rich` should have it.
    pub fn text(text: impl Into<String>) -> Self {
        Rich::default().with("text/plain", text)
    }

    /// The value's `Debug` form, cut where it gets too long: for types that have no [`RichDisplay`].
    ///
    /// ```
    /// use torchbook::*;
    ///
    /// display(&Rich::debug(&std::time::Duration::from_millis(1500)));
    /// ```
    pub fn debug<T: std::fmt::Debug + ?Sized>(value: &T) -> Self {
        Rich::text(debug_form::debug_text(value))
    }

    /// Adds a form in HTML.
    pub fn with_html(self, html: impl Into<String>) -> Self {
        self.with("text/html", html)
    }

    /// Adds a form in Markdown.
    pub fn with_markdown(self, markdown: impl Into<String>) -> Self {
        self.with("text/markdown", markdown)
    }

    /// Adds a form in LaTeX, with its dollar signs.
    pub fn with_latex(self, latex: impl Into<String>) -> Self {
        self.with("text/latex", latex)
    }

    /// Adds JSON, which front ends show as a tree that can be opened.
    pub(crate) fn with_json(mut self, json: Value) -> Self {
        self.data.insert("application/json".to_owned(), json);
        self
    }

    /// Adds a picture as SVG source.
    pub fn with_svg(self, svg: impl Into<String>) -> Self {
        self.with("image/svg+xml", svg)
    }

    /// Adds a picture as the bytes of a PNG file, shown `width` by `height` CSS pixels large.
    pub fn with_png(self, png: &[u8], (width, height): (u32, u32)) -> Self {
        let mut rich = self.with("image/png", BASE64.encode(png));
        let size = json!({"width": width, "height": height});
        rich.metadata.insert("image/png".to_owned(), size);
        rich
    }

    /// Adds a form of any MIME type.
    pub fn with(mut self, mime: &str, content: impl Into<String>) -> Self {
        self.data
            .insert(mime.to_owned(), Value::String(content.into()));
        self
    }

    /// The plain text; empty if there is none.
    pub fn as_text(&self) -> &str {
        self.data
            .get("text/plain")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Shows it below the cell. Outside the kernel its text is printed.
    ///
    /// # Panics
    /// If the user has pressed the stop button: a loop of displays ends here.
    pub fn display(&self) {
        safe_point();
        self.show();
    }

    /// Shows it below the cell, and returns a handle that can replace it later.
    ///
    /// # Panics
    /// As [`display`](Rich::display).
    pub fn display_updatable(&self) -> DisplayHandle {
        safe_point();
        self.show_updatable()
    }

    /// For callers with safe points of their own.
    pub(crate) fn show(&self) {
        Frame::Display {
            rich: self,
            display_id: None,
        }
        .emit();
    }

    /// For callers with safe points of their own.
    pub(crate) fn show_updatable(&self) -> DisplayHandle {
        let handle = DisplayHandle {
            display_id: fresh_display_id(),
        };
        Frame::Display {
            rich: self,
            display_id: Some(&handle.display_id),
        }
        .emit();
        handle
    }
}

/// An output that is already shown and can be replaced in place.
#[derive(Clone, Debug)]
pub struct DisplayHandle {
    display_id: String,
}

impl DisplayHandle {
    /// Replaces what is shown. Outside the kernel the new text is printed.
    ///
    /// # Panics
    /// As [`Rich::display`].
    pub fn update<T: RichDisplay + ?Sized>(&self, value: &T) {
        safe_point();
        self.replace(&value.rich());
    }

    /// For callers with safe points of their own.
    pub(crate) fn replace(&self, rich: &Rich) {
        Frame::Update {
            rich,
            display_id: &self.display_id,
        }
        .emit();
    }
}

/// Displays return nothing that could carry an error, so an interrupt ends the cell as a panic.
pub(crate) fn safe_point() {
    if let Err(error) = interrupt::check() {
        panic!("{error}");
    }
}

/// Removes the cell's outputs so far: at once, or, with `wait`, when the next output comes.
///
/// Outside the kernel it does nothing.
pub fn clear_output(wait: bool) {
    Frame::Clear { wait }.emit();
}

/// Unique among the kernels whose outputs can lie in one notebook, so that a stored display is not
/// overwritten.
fn fresh_display_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("torchbook-{started:x}-{:x}-{count}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rich_value_keeps_all_its_forms() {
        let rich = Rich::text("3")
            .with_html("<b>3</b>")
            .with_png(b"png", (2, 1));
        assert_eq!(rich.as_text(), "3");
        assert_eq!(rich.data["image/png"], "cG5n");
        assert_eq!(rich.metadata["image/png"], json!({"width": 2, "height": 1}));
    }

    #[test]
    fn display_ids_differ() {
        assert_ne!(fresh_display_id(), fresh_display_id());
    }
}
