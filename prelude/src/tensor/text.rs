//! A tensor as text: shape, kind, device and values, cut in the middle when there are many.
//!
//! Only the values that are shown leave the device.

use tch::{Kind, Tensor};

use crate::device;
use crate::tensor::TensorExt;

/// More values than this are cut, as NumPy and PyTorch do it.
const SHOWN_IN_FULL: usize = 1000;
/// How many values stay at each end of an axis that is cut.
const EDGE: i64 = 3;
/// Where a row of values is broken.
const LINE_WIDTH: usize = 88;

/// `Tensor (2, 3) Float on cpu`, and the values on the lines below.
pub(crate) fn describe(tensor: &Tensor) -> String {
    if !tensor.defined() {
        return "Tensor (undefined)".to_owned();
    }
    let Ok(kind) = tensor.f_kind() else {
        return format!("Tensor {}", tensor.shape());
    };
    let head = format!(
        "Tensor {} {kind:?} on {}",
        tensor.shape(),
        device::name(tensor.device())
    );
    match values(tensor, kind) {
        Some(values) => format!("{head}\n{values}"),
        None => head,
    }
}

/// The values as nested brackets; `None` for kinds that have no plain numbers.
fn values(tensor: &Tensor, kind: Kind) -> Option<String> {
    let shape = tensor.size();
    if tensor.numel() == 0 {
        return Some("[]".to_owned());
    }
    let cut = tensor.numel() > SHOWN_IN_FULL;
    let mut shown = tensor.f_detach().ok()?;
    if cut {
        for (axis, &size) in shape.iter().enumerate() {
            if size > 2 * EDGE {
                let kept: Vec<i64> = (0..EDGE).chain(size - EDGE..size).collect();
                let kept = Tensor::from_slice(&kept).to_device(shown.device());
                shown = shown.f_index_select(axis as i64, &kept).ok()?;
            }
        }
    }
    let shown = shown
        .f_to_device(tch::Device::Cpu)
        .and_then(|t| t.f_to_kind(Kind::Double))
        .and_then(|t| t.f_reshape([-1]))
        .ok()?;
    let numbers: Vec<f64> = Vec::try_from(&shown).ok()?;
    let texts = format_numbers(&numbers, kind);
    let mut out = String::new();
    let mut texts = texts.iter();
    write_axis(&mut out, &mut texts, &shape, cut, 0);
    Some(out)
}

/// All numbers in one form and one width, so that columns align.
fn format_numbers(numbers: &[f64], kind: Kind) -> Vec<String> {
    let texts: Vec<String> = match kind {
        Kind::Bool => numbers.iter().map(|&n| (n != 0.0).to_string()).collect(),
        Kind::Uint8 | Kind::Int8 | Kind::Int16 | Kind::Int | Kind::Int64 => {
            numbers.iter().map(|n| format!("{n:.0}")).collect()
        }
        _ => {
            let finite = || {
                numbers
                    .iter()
                    .copied()
                    .filter(|n| n.is_finite())
                    .map(f64::abs)
            };
            let largest = finite().fold(0.0, f64::max);
            let smallest = finite().filter(|&n| n > 0.0).fold(f64::INFINITY, f64::min);
            let whole = finite().all(|n| n.fract() == 0.0);
            if largest >= 1e5 || smallest < 1e-4 && largest < 1e-1 {
                numbers.iter().map(|n| format!("{n:.4e}")).collect()
            } else if whole {
                numbers.iter().map(|n| format!("{n:.1}")).collect()
            } else {
                numbers.iter().map(|n| format!("{n:.4}")).collect()
            }
        }
    };
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.iter().map(|text| format!("{text:>width$}")).collect()
}

fn write_axis<'a>(
    out: &mut String,
    texts: &mut impl Iterator<Item = &'a String>,
    shape: &[i64],
    cut: bool,
    depth: usize,
) {
    let Some((&size, inner)) = shape.split_first() else {
        out.extend(texts.next().map(String::as_str));
        return;
    };
    let elided = cut && size > 2 * EDGE;
    let shown = if elided { 2 * EDGE } else { size };
    // Numbers stand side by side, rows below each other, matrices with a blank line between, as
    // NumPy does it.
    let new_line = format!(
        "{}{}",
        "\n".repeat(inner.len().max(1)),
        " ".repeat(depth + 1)
    );
    let mut line_starts = out.len();
    out.push('[');
    for i in 0..shown {
        if i > 0 {
            let too_long = out.len() - line_starts > LINE_WIDTH;
            let separator = if inner.is_empty() && !too_long {
                " "
            } else {
                &new_line
            };
            out.push(',');
            if elided && i == EDGE {
                out.push_str(separator);
                out.push_str("...,");
            }
            out.push_str(separator);
            if separator != " " {
                line_starts = out.len();
            }
        }
        write_axis(out, texts, inner, cut, depth + 1);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tensors_are_shown_in_full_with_aligned_columns() {
        let x = Tensor::from_slice(&[1.0f32, -2.5, 30.25, 4.0]).reshape([2, 2]);
        assert_eq!(
            describe(&x),
            "Tensor (2, 2) Float on cpu\n[[ 1.0000, -2.5000],\n [30.2500,  4.0000]]"
        );
        assert_eq!(
            describe(&Tensor::from_slice(&[1i64, 2, 30])),
            "Tensor (3,) Int64 on cpu\n[ 1,  2, 30]"
        );
        assert_eq!(
            describe(&Tensor::from(0.5f32)),
            "Tensor () Float on cpu\n0.5000"
        );
        assert_eq!(
            describe(&Tensor::from_slice(&[true, false])),
            "Tensor (2,) Bool on cpu\n[ true, false]"
        );
    }

    #[test]
    fn large_tensors_are_cut_in_the_middle_of_each_axis() {
        let x = Tensor::arange(2000, (Kind::Int64, tch::Device::Cpu));
        assert_eq!(
            describe(&x),
            "Tensor (2000,) Int64 on cpu\n[   0,    1,    2, ..., 1997, 1998, 1999]"
        );
        let text = describe(&Tensor::zeros(
            [60000, 28, 28],
            (Kind::Uint8, tch::Device::Cpu),
        ));
        assert!(text.len() < 2000, "{text}");
        assert!(text.contains("0]],\n\n ...,\n\n [[0"), "{text}");
    }

    #[test]
    fn numbers_that_are_no_numbers_and_empty_tensors_are_shown() {
        let x = Tensor::from_slice(&[f32::NAN, f32::INFINITY, 1.5]);
        assert_eq!(
            describe(&x),
            "Tensor (3,) Float on cpu\n[   NaN,    inf, 1.5000]"
        );
        let empty = Tensor::zeros([0, 3], (Kind::Float, tch::Device::Cpu));
        assert_eq!(describe(&empty), "Tensor (0, 3) Float on cpu\n[]");
        assert_eq!(describe(&Tensor::new()), "Tensor (undefined)");
    }
}
