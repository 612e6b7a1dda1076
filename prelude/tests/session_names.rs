//! A cell that builds a model and is run again: after `clear_session` its layers have the names of
//! the first time; without it, numbers that go on.
//!
//! In a process of its own: names are counted through the whole session.

use torchbook::*;

/// Layers of three classes, one of them twice; a name of one's own is never counted.
fn names() -> Result<Vec<String>> {
    let model = Sequential::new([
        Input::new((8, 8, 1)).into(),
        Conv2D::new(2, 3).into(),
        Flatten::new().into(),
        Dense::new(3).into(),
        Dense::new(3).name("head").into(),
        Dense::new(2).into(),
    ])?;
    let layers = model.layers();
    let mut names = vec![model.name().to_owned()];
    names.extend(layers.iter().map(AnyLayer::name));
    Ok(names)
}

/// The expected names are those that Keras 3.15 gives to the same lines.
#[test]
fn a_cell_that_is_run_again_names_its_layers_as_keras_does() -> Result<()> {
    let first = "sequential conv2d flatten dense head dense_1";
    assert_eq!(names()?.join(" "), first);
    let again = "sequential_1 conv2d_1 flatten_1 dense_2 head dense_3";
    assert_eq!(names()?.join(" "), again);
    clear_session();
    assert_eq!(names()?.join(" "), first);
    Ok(())
}
