//! Joins: layers with several inputs and one output.

use tch::{Kind, Tensor};

use super::arguments::Setting;
use super::declare::{declared, layer};
use super::{Argument, Layer, Mistake, ModelOutput, axis_index, only_output, wrong_count};
use crate::{Error, Mode, Result, Shape};

/// `Layer` for a join: its only own parts are the shape and the computation.
macro_rules! join {
    ($layer:ident, $shape:expr, $mask:expr, $compute:expr) => {
        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                only_output(
                    stringify!($layer),
                    self.output_shapes(std::slice::from_ref(input))?,
                )
            }

            fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
                let outputs = self.forward_all(std::slice::from_ref(input), mode)?;
                only_output(stringify!($layer), outputs)?.activated()
            }

            fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
                let shape: fn(&Self, &[Shape]) -> Result<Shape> = $shape;
                Ok(vec![shape(self, inputs)?])
            }

            fn build_all(&mut self, _inputs: &[Shape], _device: tch::Device) -> Result<()> {
                Ok(())
            }

            fn forward_all(&self, inputs: &[Tensor], _mode: Mode) -> Result<Vec<ModelOutput>> {
                let compute: fn(&Self, &[Tensor]) -> Result<Tensor> = $compute;
                Ok(vec![ModelOutput::of_values(compute(self, inputs)?)])
            }

            fn forward_masked(
                &self,
                inputs: &[Tensor],
                masks: &[Option<Tensor>],
                mode: Mode,
            ) -> Result<Vec<ModelOutput>> {
                let mask: fn(&Self, &[Tensor], &[Option<Tensor>]) -> Result<Option<Tensor>> = $mask;
                let outputs = self.forward_all(inputs, mode)?;
                let output = only_output(stringify!($layer), outputs)?;
                let mask = match masks.iter().all(Option::is_none) {
                    true => None,
                    false => mask(self, inputs, masks)?,
                };
                Ok(vec![output.masked(mask)])
            }
        }
    };
}

/// A join that works element by element on inputs of one shape; axes of 1 are stretched.
macro_rules! elementwise {
    ($(#[$meta:meta])* $layer:ident, $least:literal, $most:expr, $compute:expr) => {
        layer! {
            $(#[$meta])*
            ///
            /// # Shapes
            /// All inputs and the output alike; an axis of 1 is stretched.
            ///
            /// # Source
            /// Keras 3, keras/src/layers/merging.
            $layer() {}
        }

        join!(
            $layer,
            |_, inputs| {
                check_count(stringify!($layer), inputs.len(), $least, $most)?;
                common_shape(stringify!($layer), inputs)
            },
            |_, _, masks| any_mask(masks),
            $compute
        );
    };
}

/// Positions that count in any input, if all have masks.
///
/// # Source
/// Keras 3, `Merge.compute_mask`.
fn any_mask(masks: &[Option<Tensor>]) -> Result<Option<Tensor>> {
    let mut any: Option<Tensor> = None;
    for mask in masks {
        any = match (any, mask) {
            (_, None) => return Ok(None),
            (None, Some(mask)) => Some(mask.shallow_clone()),
            (Some(any), Some(mask)) => Some(any.f_logical_or(mask)?),
        };
    }
    Ok(any)
}

fn check_count(class: &str, received: usize, least: usize, most: Option<usize>) -> Result<()> {
    match received >= least && most.is_none_or(|most| received <= most) {
        true => Ok(()),
        false => {
            let expected = match most {
                Some(most) if most == least => format!("{least} inputs"),
                _ => format!("at least {least} inputs"),
            };
            Err(wrong_count(class, &expected, received))
        }
    }
}

/// The shape to which all inputs are stretched.
fn common_shape(class: &str, inputs: &[Shape]) -> Result<Shape> {
    let rank = inputs.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut common = vec![1; rank];
    for shape in inputs {
        for (known, &axis) in common[rank - shape.len()..].iter_mut().zip(&**shape) {
            match (*known, axis) {
                (a, b) if a == b || b == 1 => {}
                (1, _) => *known = axis,
                _ => {
                    let shapes: Vec<String> = inputs.iter().map(Shape::per_sample).collect();
                    return Err(Error::ShapeMismatch {
                        place: class.to_owned(),
                        expected: "inputs of one shape".into(),
                        received: shapes.join(" and "),
                        remedy: "bring them into one shape, with Dense or Reshape before it".into(),
                    });
                }
            }
        }
    }
    Ok(common.into())
}

/// Combines the inputs two by two, from the first on.
fn folded(inputs: &[Tensor], combine: fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let Some((first, others)) = inputs.split_first() else {
        return Err(wrong_count("join", "at least one input", 0));
    };
    others
        .iter()
        .try_fold(first.shallow_clone(), |sum, other| combine(&sum, other))
}

elementwise!(
    /// The sum of its inputs: the join of a residual connection.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let inputs = Input::new(8);
    /// let x = Dense::new(8).activation("relu").call(&inputs)?;
    /// let model = Model::new(&inputs, &Add::new().call((&inputs, &x))?)?;
    /// # Ok::<(), Error>(())
    /// ```
    Add, 1, None, |_, inputs| folded(inputs, |a, b| Ok(a.f_add(b)?))
);
elementwise!(
    /// The first of two inputs minus the second.
    Subtract, 2, Some(2), |_, inputs| folded(inputs, |a, b| Ok(a.f_sub(b)?))
);
elementwise!(
    /// The product of its inputs, element by element.
    Multiply, 1, None, |_, inputs| folded(inputs, |a, b| Ok(a.f_mul(b)?))
);
elementwise!(
    /// The mean of its inputs, element by element.
    Average, 1, None, |_, inputs| {
        let count = inputs.len() as f64;
        Ok(folded(inputs, |a, b| Ok(a.f_add(b)?))?.f_div_scalar(count)?)
    }
);
elementwise!(
    /// The largest of its inputs, element by element.
    Maximum, 1, None, |_, inputs| folded(inputs, |a, b| Ok(a.f_maximum(b)?))
);
elementwise!(
    /// The smallest of its inputs, element by element.
    Minimum, 1, None, |_, inputs| folded(inputs, |a, b| Ok(a.f_minimum(b)?))
);

layer! {
    /// Its inputs side by side along one axis.
    ///
    /// # Shapes
    /// - inputs: of one shape, but for that axis
    /// - output: the same, with the sum of the sizes there
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let (a, b) = (Input::new((4, 2)), Input::new((4, 3)));
    /// assert_eq!(Concatenate::new().call((&a, &b))?.shape(), &Shape::from((4, 5)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/merging/concatenate.py.
    Concatenate() {
        /// Along which axis, counted with the batch; the last one without this call.
        axis: i64 = -1,
    }
}

join!(
    Concatenate,
    |join, inputs| {
        check_count("Concatenate", inputs.len(), 1, None)?;
        let rank = inputs.first().map_or(0, |first| first.len()) + 1;
        let axis = axis_index("Concatenate", join.axis, rank)?;
        let Some(place) = axis.checked_sub(1) else {
            return Err(Error::InvalidArgument {
                place: "Concatenate: axis".into(),
                expected: "an axis of the samples, from 1 on".into(),
                received: "0, the batch".into(),
            });
        };
        let mut output = inputs.first().cloned().unwrap_or_default().to_vec();
        for input in &inputs[1..] {
            let fits = input.len() + 1 == rank
                && input
                    .iter()
                    .zip(&output)
                    .enumerate()
                    .all(|(i, (a, b))| i == place || a == b);
            if !fits {
                let shapes: Vec<String> = inputs.iter().map(Shape::per_sample).collect();
                return Err(Error::ShapeMismatch {
                    place: "Concatenate".into(),
                    expected: format!("inputs of one shape, but for axis {axis}"),
                    received: shapes.join(" and "),
                    remedy: "choose another axis, or bring the others into one shape before".into(),
                });
            }
            output[place] += input[place];
        }
        Ok(output.into())
    },
    |join, inputs, masks| {
        let of_numbers = |(input, mask): (&Tensor, &Option<Tensor>)| -> Result<Tensor> {
            Ok(match mask {
                Some(mask) => mask.f_unsqueeze(-1)?.f_expand_as(input)?,
                None => input.f_ones_like()?.f_to_kind(Kind::Bool)?,
            })
        };
        let masks = inputs.iter().zip(masks).map(of_numbers);
        let masks: Vec<Tensor> = masks.collect::<Result<_>>()?;
        Ok(Some(
            Tensor::f_cat(&masks, join.axis)?.f_any_dim(-1, false)?,
        ))
    },
    |join, inputs| Ok(Tensor::f_cat(inputs, join.axis)?)
);

/// Along which axes of its two inputs [`Dot`] multiplies: one number for both, or a pair. Counted
/// with the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DotAxes(i64, i64);

impl Argument<DotAxes> for i64 {
    fn argument(self) -> Result<DotAxes, Mistake> {
        Ok(DotAxes(self, self))
    }
}

impl Argument<DotAxes> for (i64, i64) {
    fn argument(self) -> Result<DotAxes, Mistake> {
        Ok(DotAxes(self.0, self.1))
    }
}

impl Setting for DotAxes {
    fn to_json(&self) -> serde_json::Value {
        (self.0, self.1).to_json()
    }

    fn from_json(value: &serde_json::Value) -> Option<Self> {
        let (first, second) = Setting::from_json(value)?;
        Some(DotAxes(first, second))
    }
}

layer! {
    /// Dot products of two inputs, sample by sample, along one axis of each.
    ///
    /// # Shapes
    /// - inputs: `(batch, …)`, of one size along the two axes
    /// - output: the other axes of the first, then those of the second; 1 if there are none
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let (query, key) = (Input::new((4, 8)), Input::new((6, 8)));
    /// assert_eq!(Dot::new(2).call((&query, &key))?.shape(), &Shape::from((4, 6)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/merging/dot.py.
    Dot(axes: DotAxes) {
        /// Whether both are first brought to length 1 along their axes, which gives the cosine; not
        /// without this call.
        normalize: bool = false,
    }
}

impl Dot {
    /// The axes, counted within the samples.
    fn places(&self, ranks: [usize; 2]) -> Result<[usize; 2]> {
        let place = |axis: i64, rank: usize| {
            let index = axis_index("Dot", axis, rank + 1)?;
            index.checked_sub(1).ok_or_else(|| Error::InvalidArgument {
                place: "Dot: axes".into(),
                expected: "axes of the samples, from 1 on".into(),
                received: "0, the batch".into(),
            })
        };
        Ok([place(self.axes.0, ranks[0])?, place(self.axes.1, ranks[1])?])
    }
}

join!(
    Dot,
    |join, inputs| {
        let [first, second] = inputs else {
            return Err(wrong_count("Dot", "2 inputs", inputs.len()));
        };
        let [a, b] = join.places([first.len(), second.len()])?;
        if first[a] != second[b] {
            return Err(Error::ShapeMismatch {
                place: "Dot".into(),
                expected: "one size along the axes of both inputs".into(),
                received: format!(
                    "{} of {} and {} of {}",
                    first[a],
                    first.per_sample(),
                    second[b],
                    second.per_sample()
                ),
                remedy: "choose other axes".into(),
            });
        }
        let without = |shape: &Shape, place: usize| [&shape[..place], &shape[place + 1..]].concat();
        let output = [without(first, a), without(second, b)].concat();
        Ok(if output.is_empty() {
            1.into()
        } else {
            output.into()
        })
    },
    |_, _, _| Ok(None),
    |join, inputs| {
        let [first, second] = inputs else {
            return Err(wrong_count("Dot", "2 inputs", inputs.len()));
        };
        let places = join.places([
            first.dim().saturating_sub(1),
            second.dim().saturating_sub(1),
        ])?;
        // Each as (batch, other axes, the axis to sum over).
        let arranged = |x: &Tensor, place: usize| -> Result<(Tensor, Vec<i64>)> {
            let axis = place as i64 + 1;
            let x = match join.normalize {
                true => x.f_div(
                    &x.f_square()?
                        .f_sum_dim_intlist(axis, true, None)?
                        .f_clamp_min(1e-14)?
                        .f_sqrt()?,
                )?,
                false => x.shallow_clone(),
            };
            let moved = x.f_movedim_int(axis, -1)?;
            let size = moved.size();
            let outer = size[1..size.len() - 1].to_vec();
            let rows: i64 = outer.iter().product();
            Ok((
                moved.f_reshape([size[0], rows, size[size.len() - 1]])?,
                outer,
            ))
        };
        let (first, outer) = arranged(first, places[0])?;
        let (second, other) = arranged(second, places[1])?;
        let product = first.f_bmm(&second.f_transpose(1, 2)?)?;
        let axes = [outer, other].concat();
        let axes = if axes.is_empty() { vec![1] } else { axes };
        Ok(product.f_reshape([&product.size()[..1], &axes].concat())?)
    }
);
