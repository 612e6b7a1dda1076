//! Reads a file of a dataset, uncompressed or not, and compares it with what it should be.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};

use super::catalogue::FileSpec;
use crate::setup::error::Fault;
use crate::setup::{Result, SetupError, idx};

/// Where the file is in `folder`: under its own name or with `.gz`.
pub fn find(folder: &Path, spec: &FileSpec) -> PathBuf {
    let plain = folder.join(&spec.name);
    let compressed = folder.join(format!("{}.gz", spec.name));
    if !plain.exists() && compressed.exists() {
        compressed
    } else {
        plain
    }
}

/// The verified, uncompressed bytes of the file, or what is wrong with it.
///
/// # Errors
/// [`SetupError::Io`] if it is there and cannot be read.
pub fn file(path: &Path, spec: &FileSpec) -> Result<std::result::Result<Vec<u8>, Fault>> {
    match fs::read(path) {
        Ok(raw) => Ok(contents(raw, spec)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err(Fault {
            problem: "is missing".to_owned(),
            expected: wanted(spec),
            received: "neither that nor a .gz".to_owned(),
        })),
        Err(source) => Err(SetupError::io("read", path, source)),
    }
}

/// The verified, uncompressed form of these bytes, or what is wrong with them.
pub fn contents(raw: Vec<u8>, spec: &FileSpec) -> std::result::Result<Vec<u8>, Fault> {
    let fault = |problem: String, received: String| Fault {
        problem,
        expected: wanted(spec),
        received,
    };
    let received = raw.len();
    // By the first bytes and not by the name: some servers uncompress `.gz` files on the way.
    let bytes = if raw.starts_with(&[0x1f, 0x8b]) {
        uncompress(&raw, spec.bytes).map_err(|error| {
            fault(
                format!("cannot be uncompressed ({error})"),
                format!("{received} compressed bytes"),
            )
        })?
    } else {
        raw
    };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let md5 = hex(&Md5::digest(&bytes));
    if size == spec.bytes && md5 == spec.md5 {
        return Ok(bytes);
    }
    let problem = match idx::validate(&bytes) {
        Err(error) => format!("is no complete IDX file ({error})"),
        Ok(_) if size != spec.bytes => "has the wrong size".to_owned(),
        Ok(_) => "has the wrong contents".to_owned(),
    };
    // What came out of a compressed file may be cut, so its size says nothing.
    let at_least = if size > spec.bytes { "at least " } else { "" };
    Err(fault(
        problem,
        format!("{at_least}{size} bytes with MD5 {md5}"),
    ))
}

fn wanted(spec: &FileSpec) -> String {
    format!("{} bytes with MD5 {}", spec.bytes, spec.md5)
}

fn uncompress(raw: &[u8], expected: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    // One byte more than expected is enough to know that it is another file.
    MultiGzDecoder::new(raw)
        .take(expected + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    /// The description of these bytes.
    pub fn spec(name: &str, bytes: &[u8]) -> FileSpec {
        let size = u64::try_from(bytes.len()).unwrap();
        FileSpec {
            name: name.to_owned(),
            bytes: size,
            md5: hex(&Md5::digest(bytes)),
        }
    }

    /// An IDX file of three labels.
    pub fn labels() -> Vec<u8> {
        [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1].to_vec()
    }

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check_fault(raw: Vec<u8>, problem: &str, received: &str) {
        let fault = contents(raw, &spec("labels", &labels())).unwrap_err();
        assert!(fault.problem.contains(problem), "{fault}");
        assert!(fault.received.contains(received), "{fault}");
        assert!(fault.expected.starts_with("11 bytes with MD5 "), "{fault}");
    }

    #[test]
    fn the_right_bytes_are_accepted_compressed_or_not() {
        let spec = spec("labels", &labels());
        assert_eq!(contents(labels(), &spec), Ok(labels()));
        assert_eq!(contents(gzip(&labels()), &spec), Ok(labels()));
    }

    #[test]
    fn wrong_bytes_are_described() {
        check_fault(
            labels()[..10].to_vec(),
            "promises 11 bytes, it has 10",
            "10 bytes with MD5 ",
        );
        check_fault(
            [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 9].to_vec(),
            "has the wrong contents",
            "11 bytes with MD5 ",
        );
        check_fault(
            [0, 0, 8, 1, 0, 0, 0, 1, 7].to_vec(),
            "has the wrong size",
            "9 bytes with MD5 ",
        );
        check_fault(
            b"<html>not here</html>".to_vec(),
            "is no complete IDX file",
            "21 bytes with MD5 ",
        );
        let compressed = gzip(&labels());
        check_fault(
            compressed[..20].to_vec(),
            "cannot be uncompressed",
            "20 compressed bytes",
        );
    }

    #[test]
    fn a_compressed_file_of_another_size_is_not_unpacked_further_than_needed() {
        check_fault(
            gzip(&vec![0; 1_000_000]),
            "is no complete IDX file",
            "at least 12 bytes",
        );
    }

    #[test]
    fn the_uncompressed_file_is_preferred() {
        let folder = tempfile::tempdir().unwrap();
        let spec = spec("labels", &labels());
        let plain = folder.path().join("labels");
        let compressed = folder.path().join("labels.gz");
        assert_eq!(find(folder.path(), &spec), plain);
        fs::write(&compressed, "").unwrap();
        assert_eq!(find(folder.path(), &spec), compressed);
        fs::write(&plain, "").unwrap();
        assert_eq!(find(folder.path(), &spec), plain);
    }
}
