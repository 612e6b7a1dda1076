//! Random changes of images: what they may do, and in which mode.

use super::*;

fn images() -> Tensor {
    Tensor::arange(2 * 3 * 4, (Kind::Float, Device::Cpu)).reshape([2, 3, 4, 1])
}

#[test]
fn evaluation_changes_nothing_and_the_seed_decides() -> Result<()> {
    let x = Tensor::rand([8, 6, 5, 2], (Kind::Float, Device::Cpu));
    let layers: [Box<dyn Layer>; 4] = [
        Box::new(RandomFlip::new()),
        Box::new(RandomRotation::new(0.2)),
        Box::new(RandomTranslation::new(0.2, (-0.1, 0.3))),
        Box::new(RandomZoom::new(0.2)),
    ];
    for layer in layers {
        assert_eq!(layer.forward(&x, Mode::Evaluate)?, x);
        let trained = |seed| {
            tch::manual_seed(seed);
            layer.forward(&x, Mode::Train)
        };
        assert_eq!(trained(1)?, trained(1)?);
        assert_ne!(trained(1)?, trained(2)?);
        assert!(layer.output_shape(&(6, 5).into()).is_err());
    }
    assert!(
        RandomRotation::new(1.5)
            .output_shape(&(6, 5, 2).into())
            .is_err()
    );
    Ok(())
}

#[test]
fn images_are_mirrored_or_not_each_on_its_own() -> Result<()> {
    tch::manual_seed(3);
    let x = images().narrow(0, 0, 1).repeat([64, 1, 1, 1]);
    let flipped = RandomFlip::new()
        .mode("horizontal")
        .forward(&x, Mode::Train)?;
    let mirrored = x.flip(2);
    let mut seen = [0, 0];
    for index in 0..64 {
        let image = flipped.get(index);
        match (image == x.get(index), image == mirrored.get(index)) {
            (true, false) => seen[0] += 1,
            (false, true) => seen[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(seen.iter().all(|&count| count > 16), "{seen:?}");
    Ok(())
}

#[test]
fn images_are_moved_by_whole_pixels_and_filled() -> Result<()> {
    let down = RandomTranslation::new((1.0 / 3.0, 1.0 / 3.0), (0.0, 0.0));
    let constant = down
        .fill_mode("constant")
        .fill_value(-5.0)
        .forward(&images(), Mode::Train)?;
    assert!(
        constant
            .narrow(1, 1, 2)
            .allclose(&images().narrow(1, 0, 2), 1e-5, 1e-5, false)
    );
    let filled = constant.narrow(1, 0, 1);
    assert!(filled.allclose(&filled.full_like(-5.0), 1e-5, 1e-5, false));
    let right = RandomTranslation::new((0.0, 0.0), (0.25, 0.25)).forward(&images(), Mode::Train)?;
    assert!(
        right
            .narrow(2, 1, 3)
            .allclose(&images().narrow(2, 0, 3), 1e-5, 1e-5, false)
    );
    // Mirrored at the border: the first column again.
    assert!(
        right
            .narrow(2, 0, 1)
            .allclose(&images().narrow(2, 0, 1), 1e-5, 1e-5, false)
    );
    Ok(())
}
