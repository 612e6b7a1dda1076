//! The trait by which a type says how a notebook shows it, and `display`, which shows it.
//!
//! A cell's last expression goes through `cell_support.rs` instead, which also takes types that
//! have only `Debug`.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use tch::Tensor;

use super::{DisplayHandle, Rich, safe_point};
use crate::device::Versions;
use crate::figures::{ClassificationReport, ConfusionMatrix, Drawing, Figure, ImageGrid};
use crate::model::diagram::Diagram;
use crate::model::summary::Summary;
use crate::shape::Shape;
use crate::tensor::text;
use crate::training::history::History;
use crate::training::logs::Logs;

/// How a notebook shows values of a type: as the last expression of a cell, and by [`display`].
///
/// It goes before `Debug`, which a type may have as well.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// #[derive(Debug)]
/// struct Celsius(f64);
///
/// impl RichDisplay for Celsius {
///     fn rich(&self) -> Rich {
///         let Celsius(degrees) = self;
///         Rich::text(format!("{degrees} °C")).with_html(format!("<b>{degrees}</b> °C"))
///     }
/// }
/// display(&Celsius(21.5));
/// // A list shows its elements' `Debug` forms.
/// display(&Rich::debug(&vec![Celsius(20.0), Celsius(22.5)]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no display of its own",
    label = "cannot be displayed",
    note = "implement `RichDisplay` for `{Self}`, or show its `Debug` form with `display(&Rich::debug(&value))`"
)]
pub trait RichDisplay {
    /// What is shown: text at least, and richer forms of it.
    fn rich(&self) -> Rich;
}

/// Shows a value below the cell, and returns a handle that can replace it later.
///
/// Outside the kernel its text is printed.
///
/// # Panics
/// If the user has pressed the stop button: a loop of displays ends here.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let status = display(&Html("<i>loading …</i>"));
/// status.update(&Html("<b>ready</b>"));
/// ```
pub fn display<T: RichDisplay + ?Sized>(value: &T) -> DisplayHandle {
    safe_point();
    value.rich().show_updatable()
}

impl RichDisplay for Rich {
    fn rich(&self) -> Rich {
        self.clone()
    }
}

impl RichDisplay for Tensor {
    fn rich(&self) -> Rich {
        Rich::text(text::describe(self))
    }
}

impl RichDisplay for Summary {
    fn rich(&self) -> Rich {
        self.to_rich()
    }
}

impl RichDisplay for Diagram {
    fn rich(&self) -> Rich {
        self.to_rich()
    }
}

impl RichDisplay for History {
    fn rich(&self) -> Rich {
        self.to_rich()
    }
}

/// Types whose `Display` is what a reader wants to see.
macro_rules! show_by_display {
    ($($shown:ty),*) => { $(
        impl RichDisplay for $shown {
            fn rich(&self) -> Rich {
                Rich::text(self.to_string())
            }
        }
    )* };
}
show_by_display!(Logs, Versions, Shape);

/// Figures draw themselves; one with a mistake in it shows what the mistake is.
macro_rules! show_by_drawing {
    ($($figure:ty),*) => { $(
        impl RichDisplay for $figure {
            fn rich(&self) -> Rich {
                self.to_rich()
                    .unwrap_or_else(|error| Rich::text(error.to_string()))
            }
        }
    )* };
}
show_by_drawing!(Figure, ImageGrid, Drawing, ConfusionMatrix);

impl RichDisplay for ClassificationReport {
    fn rich(&self) -> Rich {
        self.to_rich()
    }
}

/// Pointers show what they point to.
macro_rules! show_by_target {
    ($($pointer:ty),*) => { $(
        impl<T: RichDisplay + ?Sized> RichDisplay for $pointer {
            fn rich(&self) -> Rich {
                (**self).rich()
            }
        }
    )* };
}
show_by_target!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: RichDisplay + ToOwned + ?Sized> RichDisplay for Cow<'_, T> {
    fn rich(&self) -> Rich {
        (**self).rich()
    }
}
