//! Names of files with numbers in them, as Python formats them.

use crate::training::logs::Logs;
use crate::{Error, Result};

/// `{epoch:02d}-{val_loss:.2f}` with the numbers of the logs, and of `counts`, which are whole.
///
/// Known forms are `{name}`, `{name:02d}`, `{name:d}` and `{name:.2f}`.
pub(super) fn filled(pattern: &str, counts: &[(&str, usize)], logs: &Logs) -> Result<String> {
    let wrong = |received: &str| Error::InvalidArgument {
        place: format!("ModelCheckpoint: `{pattern}`"),
        expected: format!(
            "{{name}}, {{name:02d}} or {{name:.2f}} with epoch or one of {}",
            logs.names()
        ),
        received: format!("{{{received}}}"),
    };
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}').ok_or_else(|| wrong(after))?;
        text.push_str(before);
        let (name, form) = field.split_once(':').unwrap_or((field, ""));
        let count = counts.iter().find(|(known, _)| *known == name);
        let value = match (count, logs.get(name)) {
            (Some((_, count)), _) => *count as f64,
            (None, Some(value)) => value,
            (None, None) => return Err(wrong(field)),
        };
        let number = |digits: &str| digits.parse::<usize>().map_err(|_| wrong(field));
        text.push_str(&match form {
            "" | "d" => format!("{value}"),
            _ => match (
                form.strip_suffix('d'),
                form.strip_prefix('.').and_then(|f| f.strip_suffix('f')),
            ) {
                (Some(width), _) if width.starts_with('0') => {
                    format!("{value:0width$}", width = number(width)?)
                }
                (Some(width), _) => format!("{value:width$}", width = number(width)?),
                (_, Some(digits)) => format!("{value:.digits$}", digits = number(digits)?),
                _ => return Err(wrong(field)),
            },
        });
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_does() -> Result<()> {
        let logs: Logs = [("val_loss", 0.456), ("loss", 1.0)].into_iter().collect();
        let filled = |pattern| filled(pattern, &[("epoch", 7)], &logs);
        assert_eq!(filled("cnn.safetensors")?, "cnn.safetensors");
        assert_eq!(
            filled("a/{epoch:02d}-{val_loss:.2f}.safetensors")?,
            "a/07-0.46.safetensors"
        );
        assert_eq!(filled("{epoch}-{epoch:d}-{epoch:3d}")?, "7-7-  7");
        let error = filled("{batch}").expect_err("unknown").to_string();
        assert!(
            error.contains("one of val_loss, loss, received {batch}"),
            "{error}"
        );
        assert!(filled("{epoch:x}").is_err() && filled("{epoch").is_err());
        Ok(())
    }
}
