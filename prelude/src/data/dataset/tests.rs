//! Datasets: batches, orders, changes, threads and refusals.

use super::*;
use crate::TensorExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tch::{Device, Kind};

fn numbers(count: i64) -> Dataset {
    let x = Tensor::arange(count, (Kind::Uint8, Device::Cpu));
    Dataset::new(&x, &(&x * 2)).expect("as many of both")
}

fn seen(dataset: &Dataset, epoch: usize) -> Result<Vec<Vec<i64>>> {
    let batches = dataset.epoch(epoch)?;
    batches
        .map(|batch| {
            let batch = batch?;
            assert_eq!(&batch.x[0] * 2, batch.y[0]);
            batch.x[0].to_vec()
        })
        .collect()
}

#[test]
fn batches_are_cut_as_asked() -> Result<()> {
    let dataset = numbers(7).batch(3);
    assert_eq!(seen(&dataset, 0)?, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    let dataset = dataset.drop_remainder(true);
    assert_eq!((dataset.batches(), seen(&dataset, 0)?.len()), (2, 2));
    Ok(())
}

#[test]
fn every_epoch_has_its_order_with_and_without_a_thread() -> Result<()> {
    let here = numbers(50).batch(8).shuffle(3);
    let ahead = here.clone().prefetch(2);
    for epoch in 0..3 {
        assert_eq!(seen(&here, epoch)?, seen(&ahead, epoch)?);
        let mut all = seen(&here, epoch)?.concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }
    assert_ne!(seen(&here, 0)?, seen(&here, 1)?);
    Ok(())
}

#[test]
fn bytes_become_floats_in_the_batch_only() -> Result<()> {
    let dataset = numbers(4).map(|x, y| Ok((x.to_float32() / 2.0, y)));
    let dataset = dataset.map(|x, y| Ok((x + 1.0, y)));
    let batch = dataset.epoch(0)?.next().expect("one")?;
    assert_eq!(batch.x[0].to_vec::<f32>()?, [1.0, 1.5, 2.0, 2.5]);
    assert_eq!(batch.y[0].kind(), Kind::Uint8);
    Ok(())
}

#[test]
fn a_mistake_in_a_change_ends_the_epoch_and_is_told() -> Result<()> {
    for ahead in [0, 2] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let dataset = numbers(10).batch(2).prefetch(ahead).map(move |x, y| {
            match counted.fetch_add(1, Ordering::Relaxed) {
                1 => Err(Error::EmptyData {
                    place: "mine".into(),
                }),
                _ => Ok((x, y)),
            }
        });
        let results: Vec<bool> = dataset.epoch(0)?.map(|batch| batch.is_ok()).collect();
        assert_eq!(
            (results, calls.load(Ordering::Relaxed)),
            (vec![true, false], 2)
        );
    }
    Ok(())
}

#[test]
fn a_panic_in_the_thread_is_told_and_is_no_end() -> Result<()> {
    let dataset = numbers(4).batch(2).prefetch(1);
    let mut epoch = dataset
        .map(|_, _| panic!("a change that panics"))
        .epoch(0)?;
    let error = epoch.next().expect("no end").expect_err("no batch");
    assert!(
        error.to_string().contains("a panic in the thread"),
        "{error}"
    );
    assert!(epoch.next().is_none());
    Ok(())
}

#[test]
fn the_rest_of_an_epoch_makes_no_batch_of_its_beginning() -> Result<()> {
    for ahead in [0, 2] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let dataset = numbers(7).batch(3).shuffle(2).prefetch(ahead);
        let whole = seen(&dataset, 1)?;
        let dataset = dataset.map_batch(move |batch| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(batch)
        });
        let rest: Vec<_> = dataset.epoch_from(1, 2)?.collect::<Result<_>>()?;
        assert_eq!((rest.len(), calls.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(rest[0].x[0].to_vec::<i64>()?, whole[2]);
    }
    Ok(())
}

#[test]
fn an_epoch_that_is_dropped_lets_its_thread_end() -> Result<()> {
    let dataset = numbers(100).batch(1).prefetch(1);
    let samples = Arc::downgrade(&dataset.samples);
    let mut epoch = dataset.epoch(0)?;
    epoch.next().expect("one")?;
    drop((epoch, dataset));
    // The thread holds the samples until it finds that nobody takes batches any more.
    while samples.upgrade().is_some() {
        thread::yield_now();
    }
    Ok(())
}

struct Wrong;

impl Samples for Wrong {
    fn count(&self) -> usize {
        3
    }
    fn batch(&self, _rows: &[i64]) -> Result<Batch> {
        let x = Tensor::zeros([2], (Kind::Float, Device::Cpu));
        Ok(Batch {
            x: vec![x],
            y: Vec::new(),
        })
    }
}

#[test]
fn what_makes_no_batches_is_refused() {
    let x = Tensor::zeros([3], (Kind::Float, Device::Cpu));
    assert!(Dataset::new(&x, &x.narrow(0, 0, 2)).is_err());
    assert!(Dataset::new(&x.narrow(0, 0, 0), &x.narrow(0, 0, 0)).is_err());
    assert!(numbers(3).batch(0).epoch(0).is_err());
    assert!(numbers(3).batch(4).drop_remainder(true).epoch(0).is_err());
    let mut epoch = Dataset::from_samples(Wrong)
        .epoch(0)
        .expect("three samples");
    let error = epoch.next().expect("one").expect_err("two rows of three");
    assert!(error.to_string().contains("tensors of 3 rows"), "{error}");
}
