//! Rows for training and testing in which every class has its share: scikit-learn's choice.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::random::RandomState;
use crate::{Error, Result, TensorExt};

/// Row numbers of the training part and of the test part.
///
/// # Source
/// scikit-learn, sklearn/model_selection/_split.py, `StratifiedShuffleSplit`.
pub(super) fn stratified_rows(
    labels: &Tensor,
    n_train: usize,
    n_test: usize,
    seed: u32,
) -> Result<(Vec<i64>, Vec<i64>)> {
    if labels.size().first() != Some(&(labels.numel() as i64)) {
        return Err(Error::ShapeMismatch {
            place: "train_test_split: stratify".into(),
            expected: "one class for each row, shape (n,) or (n, 1)".into(),
            received: labels.shape().to_string(),
            remedy: "for one-hot rows pass labels.argmax(1, false)".into(),
        });
    }
    let labels: Vec<f64> = Vec::try_from(labels.f_reshape([-1])?.f_to_kind(Kind::Double)?)?;
    // The classes in order, each with its rows in order.
    let mut classes: BTreeMap<Label, Vec<i64>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        classes.entry(Label(*label)).or_default().push(row as i64);
    }
    let refused = |expected: String, received: String| Error::InvalidArgument {
        place: "train_test_split: stratify".into(),
        expected,
        received,
    };
    if let Some((label, _)) = classes.iter().find(|(_, rows)| rows.len() < 2) {
        let received = format!("class {} has one row", label.0);
        return Err(refused("at least two rows of each class".into(), received));
    }
    if n_train.min(n_test) < classes.len() {
        return Err(refused(
            format!(
                "at least one row for each of {} classes in both parts",
                classes.len()
            ),
            format!("{n_train} and {n_test} rows"),
        ));
    }
    let mut random = RandomState::new(seed);
    let counts: Vec<usize> = classes.values().map(Vec::len).collect();
    let for_train = likely_counts(&counts, n_train, &mut random);
    let left: Vec<usize> = counts.iter().zip(&for_train).map(|(n, t)| n - t).collect();
    let for_test = likely_counts(&left, n_test, &mut random);

    let (mut train, mut test) = (Vec::new(), Vec::new());
    for ((rows, n_train), n_test) in classes.values().zip(for_train).zip(for_test) {
        let order = random.permutation(rows.len());
        let mut shuffled = order.iter().filter_map(|&i| rows.get(i as usize).copied());
        train.extend(shuffled.by_ref().take(n_train));
        test.extend(shuffled.take(n_test));
    }
    Ok((random.shuffled(&train), random.shuffled(&test)))
}

/// A label, ordered as numbers are; NaN is a class of its own behind all others.
struct Label(f64);

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Label {}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Label {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // 0 and -0 are one class.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// How many of each class are among `draws` rows, most likely: shares rounded down, and the rest to
/// the largest remainders, by lot among equal ones.
///
/// # Source
/// scikit-learn, sklearn/utils/extmath.py, `_approximate_mode`.
fn likely_counts(counts: &[usize], draws: usize, random: &mut RandomState) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let exact = |count: &usize| *count as f64 / total as f64 * draws as f64;
    let exact: Vec<f64> = counts.iter().map(exact).collect();
    let mut chosen: Vec<usize> = exact.iter().map(|share| share.floor() as usize).collect();
    let mut missing = draws.saturating_sub(chosen.iter().sum());
    let remainders: Vec<f64> = exact.iter().map(|share| share - share.floor()).collect();
    let mut values = remainders.clone();
    values.sort_by(|a, b| b.total_cmp(a));
    values.dedup();
    for value in values {
        if missing == 0 {
            break;
        }
        let equal: Vec<usize> = (0..counts.len())
            .filter(|&class| remainders[class] == value)
            .collect();
        let now = missing.min(equal.len());
        for lot in random.permutation(equal.len()).into_iter().take(now) {
            chosen[equal[lot as usize]] += 1;
        }
        missing -= now;
    }
    chosen
}
