//! Rows against scikit-learn's, and cuts that cannot be made.

use serde_json::Value;
use tch::{Device, Kind};

use super::*;

fn split_rows(n: i64, test_size: impl Into<PartSize>) -> Result<(Vec<i64>, Vec<i64>)> {
    let x = Tensor::arange(n, (Kind::Int64, Device::Cpu));
    let split = TrainTestSplit::new().test_size(test_size).random_state(1);
    split.row_numbers(&[x])
}

/// The vectors and hashes were made by scikit-learn 1.9.1; see
/// tests/reference/make_reference.py.
#[test]
fn sixty_thousand_rows_are_split_as_by_scikit_learn() -> Result<()> {
    let (train, test) = split_rows(60_000, 0.1)?;
    assert_eq!((train.len(), test.len()), (54_000, 6_000));
    let first = [
        15281, 21435, 44536, 13518, 47529, 53560, 41094, 6060, 9358, 49039,
    ];
    assert_eq!(test[..10], first);
    assert_eq!(train[53_995..], [50057, 32511, 5192, 12172, 33003]);
    let weighted = |rows: &[i64]| -> i64 { rows.iter().zip(0..).map(|(row, i)| row * i).sum() };
    assert_eq!(weighted(&test), 539_636_987_764);
    assert_eq!(weighted(&train), 43_896_248_936_909);
    assert_eq!(
        sha256(&test),
        "289abd341786ebfeb887baa436e8c1529f692ed274f95012f34d99b5796eed4d"
    );
    assert_eq!(
        sha256(&train),
        "5e5724602bd0c939db5386ba712e285d8376c002a459ab23919fbd798e3d9a2a"
    );
    Ok(())
}

fn sha256(rows: &[i64]) -> String {
    use sha2::{Digest, Sha256};
    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn integers(value: &Value) -> Vec<i64> {
    let list = value.as_array().expect("a list");
    list.iter().filter_map(Value::as_i64).collect()
}

/// Sizes as shares and counts, train_size, no shuffling, classes of different sizes: each case of
/// tests/reference/data.py.
#[test]
fn every_option_gives_scikit_learns_rows() -> Result<()> {
    let text = include_str!("../../../../tests/reference/data.json");
    let reference: Value = serde_json::from_str(text).expect("JSON");
    let cases = reference["splits"].as_array().expect("a list");
    assert!(cases.len() >= 12);
    for case in cases {
        let size = |key: &str| -> Option<PartSize> {
            let value = &case["arguments"][key];
            let rows = value.as_i64().map(PartSize::Rows);
            rows.or(value.as_f64().map(PartSize::Share))
        };
        let arguments = &case["arguments"];
        let seed = arguments["random_state"].as_u64().unwrap_or(0) as u32;
        let split = TrainTestSplit {
            test_size: size("test_size"),
            train_size: size("train_size"),
            random_state: Some(seed),
            shuffle: arguments["shuffle"].as_bool().unwrap_or(true),
            stratify: case["labels"]
                .is_array()
                .then(|| Tensor::from_slice(&integers(&case["labels"]))),
        };
        let n = case["n"].as_i64().expect("a number");
        let x = Tensor::arange(n, (Kind::Int64, Device::Cpu));
        let (train, test) = split.arrays(&x)?;
        let rows = |part: &Tensor| Vec::<i64>::try_from(part).expect("one axis");
        assert_eq!(rows(&train[0]), integers(&case["train"]), "{arguments}");
        assert_eq!(rows(&test[0]), integers(&case["test"]), "{arguments}");
    }
    Ok(())
}

#[test]
fn arrays_of_different_lengths_and_empty_parts_are_refused() {
    let x = Tensor::zeros([10, 2], (Kind::Float, Device::Cpu));
    let y = Tensor::zeros([9], (Kind::Int64, Device::Cpu));
    let error = train_test_split(&x, &y, 0.1, 1).expect_err("9 is not 10");
    assert!(
        error.to_string().contains("x has 10 rows and y has 9"),
        "{error}"
    );
    let error = TrainTestSplit::new()
        .arrays([&x, &x, &y])
        .expect_err("9 is not 10");
    assert!(
        error
            .to_string()
            .contains("array 0 has 10 rows and array 2 has 9"),
        "{error}"
    );
    for share in [0.0, 1.0, -0.5, 0.95, f64::NAN] {
        assert!(train_test_split(&x, &x, share, 1).is_err(), "{share}");
    }
    for rows in [0, 10, -1] {
        assert!(train_test_split(&x, &x, rows, 1).is_err(), "{rows}");
    }
    let both = TrainTestSplit::new().test_size(0.5).train_size(6);
    assert!(both.arrays(&x).is_err(), "11 rows of 10");
    assert!(train_test_split(&x.narrow(0, 0, 0), &y.narrow(0, 0, 0), 0.5, 1).is_err());
}

#[test]
fn classes_that_cannot_be_in_both_parts_are_refused() {
    let refused = |labels: &[i64], size: i64, part: &str| {
        let labels = Tensor::from_slice(labels);
        let split = TrainTestSplit::new().test_size(size).stratify(&labels);
        let error = split.arrays(&labels).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&[0, 0, 1, 1, 2], 3, "class 2 has one row");
    refused(
        &[0, 0, 1, 1, 2, 2],
        2,
        "at least one row for each of 3 classes",
    );
    let labels = Tensor::from_slice(&[0i64, 0, 1, 1]);
    let split = TrainTestSplit::new().shuffle(false).stratify(&labels);
    assert!(split.arrays(&labels).is_err());
}
