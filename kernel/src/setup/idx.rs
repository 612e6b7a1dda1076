//! The IDX format of MNIST's files: a big-endian header, then bytes.
//!
//! Validates before anything is parsed, so that a truncated download is an error with numbers in it
//! and not a panic in a parser. It does not know which datasets there are; [`super::datasets`] does.

use std::fmt;

/// Magic number of a file of labels: unsigned bytes, one dimension.
const LABELS_MAGIC: u32 = 0x0000_0801;
/// Magic number of a file of images: unsigned bytes, three dimensions.
const IMAGES_MAGIC: u32 = 0x0000_0803;

/// What an IDX file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Grey images, a byte for each pixel.
    Images {
        /// How many.
        count: usize,
        /// Pixels from top to bottom.
        rows: usize,
        /// Pixels from left to right.
        columns: usize,
    },
    /// A byte for each label.
    Labels {
        /// How many.
        count: usize,
    },
}

impl Contents {
    /// Bytes of such a file with its header; nothing if that does not fit a number.
    pub fn file_bytes(self) -> Option<usize> {
        match self {
            Self::Images {
                count,
                rows,
                columns,
            } => count
                .checked_mul(rows)?
                .checked_mul(columns)?
                .checked_add(16),
            Self::Labels { count } => count.checked_add(8),
        }
    }
}

/// Why some bytes are not a complete IDX file of images or labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdxError {
    /// Too short for its header.
    NoHeader {
        /// Bytes that are there.
        bytes: usize,
    },
    /// Another format.
    Magic {
        /// The first four bytes.
        found: u32,
    },
    /// The header promises another number of bytes.
    Length {
        /// Bytes by the header, header included; nothing if the header is absurd.
        expected: Option<usize>,
        /// Bytes that are there.
        found: usize,
    },
}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader { bytes } => {
                write!(f, "{bytes} bytes, which is too short for an IDX header")
            }
            Self::Magic { found } => write!(
                f,
                "not an IDX file of images ({IMAGES_MAGIC:#010x}) or labels ({LABELS_MAGIC:#010x}): it begins \
                 with {found:#010x}"
            ),
            Self::Length {
                expected: Some(expected),
                found,
            } => {
                write!(f, "its header promises {expected} bytes, it has {found}")
            }
            Self::Length {
                expected: None,
                found,
            } => {
                write!(
                    f,
                    "its header promises more bytes than there can be, it has {found}"
                )
            }
        }
    }
}

impl std::error::Error for IdxError {}

/// Checks magic number, dimensions and length of an uncompressed IDX file.
///
/// # Errors
/// [`IdxError`], which names what was expected and found.
pub fn validate(bytes: &[u8]) -> Result<Contents, IdxError> {
    let no_header = IdxError::NoHeader { bytes: bytes.len() };
    let word = |index: usize| {
        let field = bytes.get(4 * index..4 * index + 4)?;
        Some(u32::from_be_bytes(field.try_into().ok()?))
    };
    let size = |index| {
        word(index)
            .and_then(|value| usize::try_from(value).ok())
            .ok_or(no_header.clone())
    };
    let contents = match word(0).ok_or(no_header.clone())? {
        IMAGES_MAGIC => Contents::Images {
            count: size(1)?,
            rows: size(2)?,
            columns: size(3)?,
        },
        LABELS_MAGIC => Contents::Labels { count: size(1)? },
        found => return Err(IdxError::Magic { found }),
    };
    let expected = contents.file_bytes();
    if expected == Some(bytes.len()) {
        Ok(contents)
    } else {
        Err(IdxError::Length {
            expected,
            found: bytes.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(words: &[u32], body: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.resize(bytes.len() + body, 7);
        bytes
    }

    #[test]
    fn whole_files_say_what_they_hold() {
        let images = file(&[0x803, 2, 28, 28], 2 * 28 * 28);
        assert_eq!(
            validate(&images),
            Ok(Contents::Images {
                count: 2,
                rows: 28,
                columns: 28
            })
        );
        assert_eq!(
            validate(&file(&[0x801, 3], 3)),
            Ok(Contents::Labels { count: 3 })
        );
        assert_eq!(
            validate(&file(&[0x801, 0], 0)),
            Ok(Contents::Labels { count: 0 })
        );
    }

    #[test]
    fn mnists_files_have_their_known_sizes() {
        let images = Contents::Images {
            count: 60_000,
            rows: 28,
            columns: 28,
        };
        assert_eq!(images.file_bytes(), Some(47_040_016));
        assert_eq!(
            Contents::Labels { count: 10_000 }.file_bytes(),
            Some(10_008)
        );
    }

    #[test]
    fn truncated_and_overlong_files_are_refused_with_both_lengths() {
        for body in [2 * 28 * 28 - 1, 2 * 28 * 28 + 1] {
            let error = validate(&file(&[0x803, 2, 28, 28], body)).unwrap_err();
            assert_eq!(
                error,
                IdxError::Length {
                    expected: Some(1584),
                    found: 16 + body
                }
            );
        }
        let message = validate(&file(&[0x801, 3], 2)).unwrap_err().to_string();
        assert_eq!(message, "its header promises 11 bytes, it has 10");
    }

    #[test]
    fn a_header_that_ends_early_is_refused() {
        assert_eq!(validate(b""), Err(IdxError::NoHeader { bytes: 0 }));
        assert_eq!(
            validate(&file(&[0x803, 2, 28], 0)),
            Err(IdxError::NoHeader { bytes: 12 })
        );
    }

    #[test]
    fn a_web_page_instead_of_a_file_is_refused_by_its_first_bytes() {
        let error = validate(b"<!DOCTYPE html>").unwrap_err();
        assert_eq!(
            error,
            IdxError::Magic {
                found: u32::from_be_bytes(*b"<!DO")
            }
        );
        assert!(error.to_string().contains("0x3c21444f"), "{error}");
    }

    #[test]
    fn dimensions_that_overflow_are_refused_not_computed() {
        let error = validate(&file(&[0x803, u32::MAX, u32::MAX, u32::MAX], 0)).unwrap_err();
        assert_eq!(
            error,
            IdxError::Length {
                expected: None,
                found: 16
            }
        );
    }
}
