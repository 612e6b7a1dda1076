//! Content that a front end draws itself: HTML, Markdown, LaTeX, JSON, PNG and SVG.

use serde_json::Value;

use super::{Rich, RichDisplay};

/// Text that is a form of its own: shown as that, and as the source where the form is unknown.
macro_rules! text_content {
    ($($(#[$documentation:meta])* $name:ident($mime:literal);)*) => { $(
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<T = String>(
            /// The source.
            pub T,
        );

        impl<T: AsRef<str>> RichDisplay for $name<T> {
            fn rich(&self) -> Rich {
                let source = self.0.as_ref();
                Rich::text(source).with($mime, source)
            }
        }
    )* };
}

text_content! {
    /// HTML: `display(&Html("<b>bold</b>"))`.
    Html("text/html");
    /// Markdown: `display(&Markdown("# Results"))`.
    Markdown("text/markdown");
    /// LaTeX with its dollar signs: `display(&Latex(r"$\frac{a}{b}$"))`.
    Latex("text/latex");
    /// A picture as SVG source.
    Svg("image/svg+xml");
}

/// JSON, which front ends show as a tree that can be opened.
///
/// ```
/// use torchbook::*;
///
/// display(&Json::parse(r#"{"lr": 0.001, "layers": [64, 10]}"#)?);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Json(Value);

impl Json {
    /// Reads JSON text.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) with the place of the mistake.
    pub fn parse(text: &str) -> crate::Result<Self> {
        serde_json::from_str(text)
            .map(Json)
            .map_err(|error| crate::Error::InvalidArgument {
                place: "Json::parse".to_owned(),
                expected: "JSON".to_owned(),
                received: error.to_string(),
            })
    }
}

impl RichDisplay for Json {
    fn rich(&self) -> Rich {
        Rich::text(format!("{:#}", self.0)).with_json(self.0.clone())
    }
}

/// A picture as the bytes of a PNG file.
///
/// ```no_run
/// use torchbook::*;
///
/// display(&Png(std::fs::read("curve.png")?));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Png<T = Vec<u8>>(
    /// The file's content.
    pub T,
);

impl<T: AsRef<[u8]>> RichDisplay for Png<T> {
    fn rich(&self) -> Rich {
        let bytes = self.0.as_ref();
        let rich = Rich::text(match size(bytes) {
            Some((width, height)) => format!("PNG picture, {width} x {height} pixels"),
            None => format!("{} bytes that are no PNG picture", bytes.len()),
        });
        match size(bytes) {
            Some(size) => rich.with_png(bytes, size),
            None => rich,
        }
    }
}

/// Width and height, from the header that every PNG file starts with.
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    Some((number(0)?, number(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_form_has_its_mime_type_and_its_source_as_text() {
        let latex = Latex(r"$\pi$").rich();
        assert_eq!(latex.data["text/latex"], r"$\pi$");
        assert_eq!(latex.as_text(), r"$\pi$");
        assert_eq!(Html("<b>".to_owned()).rich().data["text/html"], "<b>");
        assert_eq!(Markdown("# a").rich().data["text/markdown"], "# a");
        assert_eq!(Svg("<svg/>").rich().data["image/svg+xml"], "<svg/>");
    }

    #[test]
    fn json_stays_json() {
        let json = Json::parse(r#"{"a": [1, null]}"#)
            .expect("it is JSON")
            .rich();
        assert_eq!(json.data["application/json"], json!({"a": [1, null]}));
        let error = Json::parse("{").expect_err("it is not").to_string();
        assert!(
            error.starts_with("Json::parse: expected JSON, received EOF"),
            "{error}"
        );
    }

    #[test]
    fn a_picture_is_as_large_as_its_header_says() {
        let file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x10rest";
        let rich = Png(file).rich();
        assert_eq!(rich.as_text(), "PNG picture, 32 x 16 pixels");
        assert_eq!(
            rich.metadata["image/png"],
            json!({"width": 32, "height": 16})
        );
        assert!(Png(b"GIF89a").rich().data.get("image/png").is_none());
    }
}
