//! What layers accept as arguments, and how arguments are written down.
//!
//! Every argument can be given as Keras gives it: functions, initialisers and paddings by name, a
//! pair as one number. A name that is not known is kept as a [`Mistake`] until the layer joins a
//! model, where it becomes an error: so a builder needs no `?` after each call.

use serde_json::{Map, Value, json};

use crate::{Error, Result, Shape};

/// The arguments of a layer by Keras's names, as JSON: what it takes to build the layer again.
pub type Config = Map<String, Value>;

/// Something that can stand for an argument of type `T`: a `T`, or Keras's shorthand for one.
///
/// ```
/// use torchbook::*;
///
/// let a = Conv2D::new(8, 3).activation("relu").padding("same");
/// let b = Conv2D::new(8, (3, 3)).activation(Function::Relu).padding(Padding::Same);
/// assert_eq!(a.config(), b.config());
/// ```
pub trait Argument<T> {
    /// The value.
    ///
    /// # Errors
    /// A name that is not known.
    fn argument(self) -> Result<T, Mistake>;
}

impl<T> Argument<T> for T {
    fn argument(self) -> Result<T, Mistake> {
        Ok(self)
    }
}

/// So that optional arguments are given without `Some`.
impl<T> Argument<Option<T>> for T {
    fn argument(self) -> Result<Option<T>, Mistake> {
        Ok(Some(self))
    }
}

/// `classes.len()` is a `usize`. With `i32` literals keep their default type.
macro_rules! number_argument {
    ($($number:ty),*) => {$(
        impl Argument<i64> for $number {
            fn argument(self) -> Result<i64, Mistake> {
                Ok(i64::try_from(self).unwrap_or(i64::MAX))
            }
        }
    )*};
}
number_argument!(i32, usize);

/// A name that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    what: &'static str,
    received: String,
    known: String,
}

impl Mistake {
    pub(crate) fn unknown(what: &'static str, received: &str, known: &[&str]) -> Self {
        Mistake {
            what,
            received: received.to_owned(),
            known: known.join(", "),
        }
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Error::UnknownName {
            what: mistake.what,
            received: mistake.received,
            known: mistake.known,
        }
    }
}

/// What all layers have: a name, whether they are trained, and the first wrong argument.
#[derive(Clone, Debug)]
pub struct Common {
    pub(crate) name: Option<String>,
    pub(crate) trainable: bool,
    mistake: Option<Mistake>,
}

impl Default for Common {
    fn default() -> Self {
        Common {
            name: None,
            trainable: true,
            mistake: None,
        }
    }
}

impl Common {
    /// The argument's value; a default, and the mistake kept, if it has none.
    pub(crate) fn taken<T: Default>(&mut self, argument: impl Argument<T>) -> T {
        let mut value = T::default();
        self.take(&mut value, argument);
        value
    }

    /// Sets `place` to the argument's value, or keeps the mistake.
    pub(crate) fn take<T>(&mut self, place: &mut T, argument: impl Argument<T>) {
        match argument.argument() {
            Ok(value) => *place = value,
            Err(mistake) => {
                self.mistake.get_or_insert(mistake);
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match &self.mistake {
            Some(mistake) => Err(mistake.clone().into()),
            None => Ok(()),
        }
    }
}

/// An argument that can be written into a [`Config`] and read from it.
pub(crate) trait Setting: Sized {
    fn to_json(&self) -> Value;
    fn from_json(value: &Value) -> Option<Self>;
}

/// Reads one argument; `None` if it is not written down, so that the default holds.
pub(crate) fn read<T: Setting>(class: &str, config: &Config, key: &str) -> Result<Option<T>> {
    let Some(value) = config.get(key) else {
        return Ok(None);
    };
    let wrong = || Error::InvalidArgument {
        place: format!("{class}: {key}"),
        expected: "a value as config() writes it".into(),
        received: value.to_string(),
    };
    T::from_json(value).map(Some).ok_or_else(wrong)
}

/// The same for an argument without a default.
pub(crate) fn read_required<T: Setting>(class: &str, config: &Config, key: &str) -> Result<T> {
    read(class, config, key)?.ok_or_else(|| Error::InvalidArgument {
        place: format!("{class}: {key}"),
        expected: "a value".into(),
        received: "nothing".into(),
    })
}

impl Setting for i64 {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Setting for f64 {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Setting for bool {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Setting for Shape {
    fn to_json(&self) -> Value {
        json!(&**self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        let axes = value.as_array()?.iter().map(Value::as_i64);
        axes.collect::<Option<Vec<i64>>>().map(Shape::from)
    }
}

impl<T: Setting> Setting for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_json(value).map(Some),
        }
    }
}

impl<T: Setting> Setting for (T, T) {
    fn to_json(&self) -> Value {
        json!([self.0.to_json(), self.1.to_json()])
    }

    fn from_json(value: &Value) -> Option<Self> {
        let [first, second] = value.as_array()?.as_slice() else {
            return None;
        };
        Some((T::from_json(first)?, T::from_json(second)?))
    }
}

/// What is said of an argument that a class does not have.
pub(crate) fn unknown_argument(class: &str, received: &str, known: &[&str]) -> Error {
    Error::InvalidArgument {
        place: class.to_owned(),
        expected: format!("one of {}", known.join(", ")),
        received: received.to_owned(),
    }
}

/// An enum whose variants Keras knows by name: the enum, its names, and both directions between
/// them. The first name of a variant is the one that is written.
macro_rules! named_choices {
    (
        $(#[$meta:meta])*
        $what:literal $choice:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $name:literal $(| $alias:literal)*,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $choice {
            $($(#[$variant_meta])* $variant,)*
        }

        impl $choice {
            /// Keras's names of all variants.
            pub(crate) const NAMES: &'static [&'static str] = &[$($name $(, $alias)*),*];

            /// Keras's name.
            pub fn name(self) -> &'static str {
                match self {
                    $($choice::$variant => $name,)*
                }
            }
        }

        impl $crate::model::layers::Argument<$choice> for &str {
            fn argument(self) -> $crate::Result<$choice, $crate::model::layers::arguments::Mistake> {
                match self {
                    $($name $(| $alias)* => Ok($choice::$variant),)*
                    _ => Err($crate::model::layers::arguments::Mistake::unknown($what, self, $choice::NAMES)),
                }
            }
        }

        impl $crate::model::layers::arguments::Setting for $choice {
            fn to_json(&self) -> serde_json::Value {
                self.name().into()
            }

            fn from_json(value: &serde_json::Value) -> Option<Self> {
                $crate::model::layers::Argument::argument(value.as_str()?).ok()
            }
        }
    };
}
pub(crate) use named_choices;

/// Rows and columns: `(5, 5)`, or `5` for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    pub(crate) rows: i64,
    pub(crate) columns: i64,
}

impl From<(i64, i64)> for Pair {
    fn from((rows, columns): (i64, i64)) -> Self {
        Pair { rows, columns }
    }
}

impl From<i64> for Pair {
    fn from(both: i64) -> Self {
        Pair {
            rows: both,
            columns: both,
        }
    }
}

impl Argument<Pair> for i64 {
    fn argument(self) -> Result<Pair, Mistake> {
        Ok(self.into())
    }
}

impl Argument<Pair> for (i64, i64) {
    fn argument(self) -> Result<Pair, Mistake> {
        Ok(self.into())
    }
}

impl Argument<Option<Pair>> for i64 {
    fn argument(self) -> Result<Option<Pair>, Mistake> {
        Ok(Some(self.into()))
    }
}

impl Argument<Option<Pair>> for (i64, i64) {
    fn argument(self) -> Result<Option<Pair>, Mistake> {
        Ok(Some(self.into()))
    }
}

impl Setting for Pair {
    fn to_json(&self) -> Value {
        json!([self.rows, self.columns])
    }

    fn from_json(value: &Value) -> Option<Self> {
        <(i64, i64)>::from_json(value).map(Pair::from)
    }
}

/// What lies around an image: `1` on all sides, `(1, 2)` above and below and left and right, or
/// `((1, 0), (2, 3))` for above, below, left and right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Border {
    pub(crate) rows: (i64, i64),
    pub(crate) columns: (i64, i64),
}

impl Argument<Border> for i64 {
    fn argument(self) -> Result<Border, Mistake> {
        (self, self).argument()
    }
}

impl Argument<Border> for (i64, i64) {
    fn argument(self) -> Result<Border, Mistake> {
        let (rows, columns) = self;
        ((rows, rows), (columns, columns)).argument()
    }
}

impl Argument<Border> for ((i64, i64), (i64, i64)) {
    fn argument(self) -> Result<Border, Mistake> {
        let (rows, columns) = self;
        Ok(Border { rows, columns })
    }
}

impl Setting for Border {
    fn to_json(&self) -> Value {
        json!([self.rows.to_json(), self.columns.to_json()])
    }

    fn from_json(value: &Value) -> Option<Self> {
        let (rows, columns) = <((i64, i64), (i64, i64))>::from_json(value)?;
        Some(Border { rows, columns })
    }
}

/// A shape as an argument: a number, a tuple or an array.
macro_rules! shape_argument {
    ($($shape:ty),*) => {$(
        impl Argument<Shape> for $shape {
            fn argument(self) -> Result<Shape, Mistake> {
                Ok(self.into())
            }
        }
    )*};
}
shape_argument!(
    i64,
    (),
    (i64,),
    (i64, i64),
    (i64, i64, i64),
    (i64, i64, i64, i64),
    (i64, i64, i64, i64, i64),
    Vec<i64>,
    &[i64]
);
