//! What the kernel inserts into the crate of a cell; not for users.
//!
//! evcxr ends a cell that ends with an expression by `(EXPRESSION).evcxr_display();`, of which the
//! kernel makes `(EXPRESSION).last_expression().show();`. That finds [`ShowRich`] for types that
//! have [`RichDisplay`], and only otherwise [`ShowDebug`], which needs one reference more: no type
//! is ambiguous, and no cell is compiled twice. The kernel's half is
//! kernel/src/evaluator/cell_crate.rs.

use std::any::TypeId;
use std::error::Error as StdError;
use std::fmt::Debug;

use crate::display::frames::Frame;
pub use crate::display::printing::{OwnCode, printed};
use crate::display::{Rich, RichDisplay};
use crate::question_mark;
pub use crate::torch_state::TorchState;

/// What cells have in the place of std's macros, imported by name: any glob with them would be ambiguous.
pub mod printing {
    pub use crate::{
        eprint_in_cell as eprint, eprintln_in_cell as eprintln, print_in_cell as print,
        println_in_cell as println,
    };
}

/// The value of a cell's last expression.
pub struct Value<'a, T: ?Sized>(&'a T);

/// Every expression has a value.
pub trait LastExpression {
    /// Borrows it, so that a variable is not moved by being shown.
    fn last_expression(&self) -> Value<'_, Self> {
        Value(self)
    }
}

impl<T: ?Sized> LastExpression for T {}

/// A value that can be shown, of a cell that evcxr compiles again: it is told of one that cannot be.
#[must_use]
pub fn has_debug<T: Debug + ?Sized>(value: &T) -> &T {
    value
}

/// The first choice: the type's own display.
pub trait ShowRich {
    /// Shows the value as the result of the cell.
    fn show(self);
}

impl<T: RichDisplay + ?Sized> ShowRich for Value<'_, T> {
    fn show(self) {
        Frame::Result {
            rich: &self.0.rich(),
        }
        .emit();
    }
}

/// The second choice: `Debug`. `()` shows nothing. The bound is the method's, so that a type without
/// it is told once, by its name, and not that it has no such method.
pub trait ShowDebug {
    /// What the value is.
    type Shown: ?Sized;

    /// Shows the value as the result of the cell.
    fn show(self)
    where
        Self::Shown: Debug;
}

impl<T: ?Sized> ShowDebug for &Value<'_, T> {
    type Shown = T;

    fn show(self)
    where
        T: Debug,
    {
        if typeid::of::<T>() != TypeId::of::<()>() {
            Frame::Result {
                rich: &Rich::debug(self.0),
            }
            .emit();
        }
    }
}

/// A failed `?` is about to end the cell.
#[track_caller]
pub fn report_error<'a, T: Into<Box<dyn StdError + 'a>>>(error: T) {
    question_mark::report(error);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    /// [`ShowRich`] and [`ShowDebug`] again, saying which of them was found.
    trait First {
        fn choice(self) -> &'static str;
    }
    impl<T: RichDisplay + ?Sized> First for Value<'_, T> {
        fn choice(self) -> &'static str {
            "rich"
        }
    }
    trait Second {
        fn choice(self) -> &'static str;
    }
    impl<T: Debug + ?Sized> Second for &Value<'_, T> {
        fn choice(self) -> &'static str {
            "debug"
        }
    }

    #[derive(Debug)]
    struct Plain;

    struct Both;
    impl Debug for Both {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("the type's own display goes first")
        }
    }
    impl RichDisplay for Both {
        fn rich(&self) -> Rich {
            Rich::text("both")
        }
    }

    #[test]
    fn a_types_own_display_goes_before_debug() {
        let both = Both;
        assert_eq!(both.last_expression().choice(), "rich");
        assert_eq!((&&both).last_expression().choice(), "rich");
        both.last_expression().show();
        assert_eq!(Plain.last_expression().choice(), "debug");
        assert_eq!(().last_expression().choice(), "debug");
        let tensor = Tensor::from_slice(&[1i64]);
        let borrowed = &tensor;
        assert_eq!(borrowed.last_expression().choice(), "rich");
        let owned = String::from("ab");
        assert_eq!(owned.bytes().last_expression().choice(), "debug");
        ().last_expression().show();
    }
}
