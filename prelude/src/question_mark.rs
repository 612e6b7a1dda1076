//! What a failed `?` of a cell tells the kernel: the error with its chain of causes, and its place.
//!
//! Called from code that the kernel writes into the cell's crate, through `cell_support.rs`.

use std::any::TypeId;
use std::error::Error as StdError;
use std::panic::Location;

use crate::Error;
use crate::display::frames::{Frame, frames_are_read};
use crate::error::torch_message;

/// More causes than this are a circle.
const MOST_CAUSES: usize = 20;

/// Reports an error that is about to end the cell.
#[track_caller]
pub(crate) fn report<'a, T: Into<Box<dyn StdError + 'a>>>(error: T) {
    let place = Location::caller();
    let name = match is_interrupt(&error) {
        true => "Interrupted".to_owned(),
        false => short_name(std::any::type_name::<T>()),
    };
    let error = error.into();
    let chain = chain(&*error);
    let (message, causes) = match chain.split_first() {
        Some((message, causes)) => (message.as_str(), causes),
        None => ("", [].as_slice()),
    };
    if !frames_are_read() {
        eprintln!("{}", chain.join("\ncaused by: "));
        return;
    }
    Frame::Error {
        name: &name,
        message,
        causes,
        file: place.file(),
        line: place.line(),
    }
    .emit();
}

/// The message, and those of its causes.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut texts = vec![torch_message(&error.to_string())];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = torch_message(&cause.to_string());
        // Some errors repeat their cause's message as their own.
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source().filter(|_| texts.len() < MOST_CAUSES);
    }
    texts
}

/// Whether this is the stop button at work. `T` may hold borrows, which `Any` does not allow.
fn is_interrupt<T>(error: &T) -> bool {
    if typeid::of::<T>() != TypeId::of::<Error>() {
        return false;
    }
    // SAFETY: the types are equal, and so `error` points to an `Error`.
    let error = unsafe { &*std::ptr::from_ref(error).cast::<Error>() };
    error.is_interrupt()
}

/// `ParseIntError` of `core::num::error::ParseIntError`; `Error` of what only wraps something.
fn short_name(type_name: &str) -> String {
    let without_parameters = type_name.split('<').next().unwrap_or(type_name);
    match without_parameters.rsplit("::").next() {
        Some("Box" | "String" | "&str" | "Cow") | None => "Error".to_owned(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Layered(&'static str, Option<Box<Layered>>);

    impl fmt::Display for Layered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Layered {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_are_told_each_once_and_libtorchs_stack_is_cut_off() {
        let torch = "Internal torch error: bad shape\nException raised from f at g.cpp:1";
        let cause = Layered("cannot add", Some(Box::new(Layered(torch, None))));
        let same = Layered("cannot add", Some(Box::new(cause)));
        assert_eq!(chain(&same), ["cannot add", "bad shape"]);
    }

    #[test]
    fn names_are_those_of_the_types_and_wrappers_have_none() {
        let wrapped = std::any::type_name::<Box<dyn StdError + Send>>();
        assert_eq!(short_name(wrapped), "Error");
        let parse = std::any::type_name::<std::num::ParseIntError>();
        assert_eq!(short_name(parse), "ParseIntError");
        assert_eq!(short_name("&str"), "Error");
    }

    #[test]
    fn the_stop_button_is_recognised() {
        assert!(is_interrupt(&Error::Interrupted));
        assert!(!is_interrupt(&Error::InputRefused));
        assert!(!is_interrupt(&"interrupted"));
    }
}
