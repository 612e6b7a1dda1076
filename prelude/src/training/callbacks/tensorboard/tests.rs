//! The files are taken apart again, record by record and field by field. That TensorBoard itself
//! reads them is shown by tests/reference/read_tensorboard.py.

use std::path::Path;

use super::event_file::masked_crc32c;
use super::*;
use crate::training::callbacks::LambdaCallback;
use crate::training::trainer::Trainer;
use crate::*;

/// One number or distribution of a file: its tag, step, and value (of a distribution how many
/// numbers it counts).
type Entry = (String, u64, f64);

/// A field of a protocol buffer: its number, and the bytes or the number in it.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8], u64)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().expect("a byte");
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, &bytes[..0], varint(&mut bytes)));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (field, rest) = bytes.split_at(length);
        found.push((key >> 3, field, 0));
        bytes = rest;
    }
    found
}

fn field(bytes: &[u8], number: u64) -> Option<&[u8]> {
    let mut all = fields(bytes).into_iter();
    all.find(|(known, ..)| *known == number)
        .map(|found| found.1)
}

fn double(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

/// Everything in the one file of a folder, its checksums compared.
fn read(folder: &Path) -> Vec<Entry> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|file| file.expect("a file").path())
        .collect();
    let path = files.pop().expect("one file");
    assert!(files.is_empty());
    let name = path.file_name().expect("a name").to_string_lossy();
    assert!(name.starts_with("events.out.tfevents."), "{name}");
    let bytes = std::fs::read(&path).expect("it can be read");
    let mut rest = bytes.as_slice();
    let mut entries = Vec::new();
    let mut is_first = true;
    while !rest.is_empty() {
        let (length, after) = rest.split_at(8);
        let size = u64::from_le_bytes(length.try_into().expect("8 bytes")) as usize;
        let (length_check, after) = after.split_at(4);
        let (record, after) = after.split_at(size);
        let (check, after) = after.split_at(4);
        assert_eq!(length_check, masked_crc32c(length).to_le_bytes());
        assert_eq!(check, masked_crc32c(record).to_le_bytes());
        rest = after;
        assert!(double(field(record, 1).expect("a time")) > 1e9);
        if std::mem::take(&mut is_first) {
            assert_eq!(field(record, 3), Some(&b"brain.Event:2"[..]));
            continue;
        }
        let step = fields(record).into_iter().find(|(number, ..)| *number == 2);
        let summary = field(record, 5).expect("a summary");
        let entry = field(summary, 1).expect("an entry");
        let tag = String::from_utf8_lossy(field(entry, 1).expect("a tag")).into_owned();
        let value = match (field(entry, 2), field(entry, 5)) {
            (Some(single), None) => {
                f64::from(f32::from_le_bytes(single.try_into().expect("4 bytes")))
            }
            (None, Some(histogram)) => {
                let counts = field(histogram, 7).expect("counts");
                let counts = counts.chunks(8).map(double);
                let total = double(field(histogram, 3).expect("a number"));
                assert_eq!(counts.sum::<f64>(), total);
                total
            }
            other => panic!("neither a number nor a distribution: {other:?}"),
        };
        entries.push((tag, step.expect("a step").2, value));
    }
    entries
}

#[test]
fn a_training_is_recorded_under_kerass_names() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let x = Tensor::ones([8, 1], (Kind::Float, Device::Cpu));
    let mut model = Sequential::new([
        Input::new(1).into(),
        Dense::new(3).name("first").into(),
        Dense::new(1).into(),
    ])?;
    model.compile("mse", SGD::new().learning_rate(0.25), ["acc"])?;
    let halve = LambdaCallback::new()
        .on_epoch_begin(|epoch, training| training.set_learning_rate(0.25 / (epoch + 1) as f64));
    let board = TensorBoard::new(folder.path())
        .histogram_freq(2)
        .update_freq(2);
    let history = model
        .fit(&x, &x)
        .validation_data(&x, &x)
        .epochs(2)
        .batch_size(4)
        .verbose(0)
        .callback(halve)
        .callback(board)
        .run()?;

    let at = |name: &str, epoch| history.at(name, epoch).expect("it is measured");
    let single = |value: f64| f64::from(value as f32);
    let found = read(&folder.path().join("train"));
    let tags: Vec<(&str, u64)> = found
        .iter()
        .map(|(tag, step, _)| (tag.as_str(), *step))
        .collect();
    let expected = [
        ("batch_acc", 2),
        ("batch_loss", 2),
        ("epoch_acc", 0),
        ("epoch_loss", 0),
        ("epoch_learning_rate", 0),
        ("first/kernel/histogram", 0),
        ("first/bias/histogram", 0),
    ];
    assert_eq!(tags[..7], expected);
    assert_eq!(tags.len(), 9 + 2 + 3);
    let value = |tag: &str, step| {
        let mut matching = found
            .iter()
            .filter(|(t, s, _)| (t.as_str(), *s) == (tag, step));
        let value = matching.next().map(|found| found.2);
        value.unwrap_or_else(|| panic!("no {tag} at {step} among {found:?}"))
    };
    assert_eq!(value("epoch_loss", 1), single(at("loss", 2)));
    assert_eq!(value("batch_loss", 4), single(at("loss", 2)));
    assert_eq!(value("epoch_learning_rate", 1), 0.125);
    assert_eq!(value("first/kernel/histogram", 0), 3.0);

    let found = read(&folder.path().join("validation"));
    let expected =
        |name: &str, epoch: usize, tag: &str, step| (tag.to_owned(), step, single(at(name, epoch)));
    assert_eq!(
        found,
        [
            expected("val_acc", 1, "evaluation_acc_vs_iterations", 2),
            expected("val_loss", 1, "evaluation_loss_vs_iterations", 2),
            expected("val_acc", 1, "epoch_acc", 0),
            expected("val_loss", 1, "epoch_loss", 0),
            expected("val_acc", 2, "evaluation_acc_vs_iterations", 4),
            expected("val_loss", 2, "evaluation_loss_vs_iterations", 4),
            expected("val_acc", 2, "epoch_acc", 1),
            expected("val_loss", 2, "epoch_loss", 1),
        ]
    );
    Ok(())
}
