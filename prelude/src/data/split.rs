//! Cutting a dataset into training and validation parts: the same rows as scikit-learn.

use tch::Tensor;

use crate::random::RandomState;
use crate::{Error, Result, TensorExt};

/// Shuffles and splits arrays into a larger and a smaller part; returns `(x_train, x_test, y_train,
/// y_test)`.
///
/// `test_size` is the share of the smaller part, between 0 and 1, and `random_state` the seed of
/// the shuffle. The rows are the ones that scikit-learn chooses, in its order.
///
/// # Errors
/// [`Error::LengthMismatch`] if `x` and `y` have different numbers of rows,
/// [`Error::InvalidArgument`] if a part would be empty.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = Tensor::arange(22, (Kind::Float, Device::Cpu)).reshape_to((11, 2))?;
/// let y = Tensor::arange(11, (Kind::Int64, Device::Cpu));
/// let (x_train, x_test, y_train, y_test) = train_test_split(&x, &y, 0.1, 1)?;
/// assert_eq!((x_train.shape(), x_test.shape()), ((9, 2).into(), (2, 2).into()));
/// assert_eq!(Vec::<i64>::try_from(&y_train)?, [4, 9, 1, 6, 0, 7, 10, 8, 5]);
/// assert_eq!(Vec::<i64>::try_from(&y_test)?, [2, 3]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9, `sklearn.model_selection.train_test_split` with `shuffle=True` and
/// `stratify=None`.
pub fn train_test_split(
    x: &Tensor,
    y: &Tensor,
    test_size: f64,
    random_state: u32,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let (x_rows, y_rows) = (rows(x), rows(y));
    if x_rows != y_rows {
        return Err(Error::LengthMismatch {
            place: "train_test_split".into(),
            first: "x".into(),
            first_length: x_rows,
            second: "y".into(),
            second_length: y_rows,
        });
    }
    let (train, test) = split_rows(x_rows as usize, test_size, random_state)?;
    let take = |tensor: &Tensor, rows: &[i64]| {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(tensor.device())?;
        tensor.f_index_select(0, &rows)
    };
    Ok((
        take(x, &train)?,
        take(x, &test)?,
        take(y, &train)?,
        take(y, &test)?,
    ))
}

fn rows(tensor: &Tensor) -> i64 {
    tensor.shape().first().copied().unwrap_or(0)
}

/// Row numbers of the training part and of the test part.
fn split_rows(n: usize, test_size: f64, random_state: u32) -> Result<(Vec<i64>, Vec<i64>)> {
    let n_test = (test_size * n as f64).ceil();
    if !(test_size > 0.0 && test_size < 1.0 && n_test < n as f64) {
        return Err(Error::InvalidArgument {
            place: "train_test_split: test_size".into(),
            expected: format!("a share between 0 and 1 that leaves rows in both parts of {n}"),
            received: test_size.to_string(),
        });
    }
    let order = RandomState::new(random_state).permutation(n);
    let (test, train) = order.split_at(n_test as usize);
    Ok((train.to_vec(), test.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// The vectors and hashes were made by scikit-learn 1.9.1; see
    /// tests/reference/make_reference.py.
    #[test]
    fn sixty_thousand_rows_are_split_as_by_scikit_learn() -> Result<()> {
        let (train, test) = split_rows(60_000, 0.1, 1)?;
        assert_eq!((train.len(), test.len()), (54_000, 6_000));
        assert_eq!(
            test[..10],
            [
                15281, 21435, 44536, 13518, 47529, 53560, 41094, 6060, 9358, 49039
            ]
        );
        assert_eq!(
            train[..10],
            [
                41531, 42726, 29354, 25320, 19339, 14394, 20664, 29883, 2970, 22449
            ]
        );
        assert_eq!(test[5995..], [32910, 14945, 25901, 32194, 59129]);
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

    #[test]
    fn arrays_of_different_lengths_and_empty_parts_are_refused() {
        let x = Tensor::zeros([10, 2], (Kind::Float, Device::Cpu));
        let y = Tensor::zeros([9], (Kind::Int64, Device::Cpu));
        let error = train_test_split(&x, &y, 0.1, 1)
            .expect_err("9 is not 10")
            .to_string();
        assert!(error.contains("x has 10 rows and y has 9"), "{error}");
        for share in [0.0, 1.0, -0.5, 0.95, f64::NAN] {
            assert!(train_test_split(&x, &x, share, 1).is_err(), "{share}");
        }
    }
}
