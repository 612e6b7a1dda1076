//! What must not change because cells are compiled by shortcuts: earlier items come precompiled from
//! a crate of their own, variables that a cell does not mention stay where they are, cargo is not asked.

use crate::cells::{alone, shown};
use crate::client::Client;

/// Runs cells; each must show what stands beside it: the text of its result, or part of its error.
#[track_caller]
fn check_story(client: &mut Client, story: &[(&str, &str)]) {
    for (code, expected) in story {
        let transcript = client.run(code);
        let all = shown(&transcript).join("\n");
        if expected.is_empty() {
            assert_eq!(transcript.reply["status"], "ok", "{code}: {all}");
        } else {
            assert!(
                all.contains(expected),
                "{code} should show {expected}, showed {all}"
            );
        }
    }
}

#[test]
fn items_and_variables_mean_the_same_in_later_cells() {
    let _alone = alone();
    let mut client = Client::real();
    check_story(
        &mut client,
        &[
            // Private fields and methods are seen by every cell, also from the precompiled crate.
            (
                "struct P { x: i32 }\nimpl P { fn get(&self) -> i32 { self.x } }\nlet p = P { x: 1 };",
                "",
            ),
            ("p.x + p.get()", "\"2\""),
            ("impl P { fn twice(&self) -> i32 { self.x * 2 } }", ""),
            ("p.twice()", "\"2\""),
            // A macro makes items nobody can see: one crate again, and `p` survives the change.
            (
                "thread_local! { static C: i32 = const { 4 }; }\nC.with(|c| *c)",
                "\"4\"",
            ),
            ("p.twice() + 1", "\"3\""),
            ("macro_rules! square { ($e:expr) => { $e * $e } }", ""),
            ("square!(p.twice())", "\"4\""),
            (
                "mod m { pub(crate) fn f() -> i32 { g() }\nfn g() -> i32 { 7 } }",
                "",
            ),
            ("m::f()", "\"7\""),
            (
                "m::g()",
                "error CompileError: error[E0603]: function `g` is private",
            ),
            (
                "trait Area { fn area(&self) -> f64; }\nimpl Area for P { fn area(&self) -> f64 { 9.5 } }\nlet b: Box<dyn Area> = Box::new(P { x: 3 });",
                "",
            ),
            ("b.area()", "\"9.5\""),
            // Variables that only a format string mentions, that are moved away, and that stay.
            ("let (q, s) = (5, String::from(\"s\"));", ""),
            ("println!(\"{q} {s}\");", "stdout: \"5 s\\n\""),
            ("drop(s);", ""),
            ("s.len()", "error CompileError: error[E0425]"),
            // A type with another shape takes its variables along, and no others.
            ("struct P { x: i32, y: i32 }", ""),
            ("p.x", "error CompileError: error[E0425]"),
            ("q", "\"5\""),
            ("struct Bad { x: Strin }", "error CompileError"),
            (
                "fn wrong() -> i32 { \"a\" }",
                "error CompileError: error[E0308]",
            ),
            ("q + 1", "\"6\""),
        ],
    );
    assert!(client.shut_down().success());
}

#[test]
fn levels_and_variables_of_the_environment_reach_the_compiler() {
    let _alone = alone();
    let mut client = Client::real();
    check_story(
        &mut client,
        &[
            // Debug assertions stay on at every level: only the speed may change.
            (
                "let mut n = 0u64; for i in 0..2_000_000u64 { n = n.wrapping_add(i); } n",
                "\"1999999000000\"",
            ),
            (
                "option_env!(\"TORCHBOOK_TEST_VALUE\").unwrap_or(\"none\")",
                "none",
            ),
            (
                ":env TORCHBOOK_TEST_VALUE=first\noption_env!(\"TORCHBOOK_TEST_VALUE\").unwrap_or(\"none\")",
                "first",
            ),
            (
                ":build_env TORCHBOOK_TEST_VALUE=second\noption_env!(\"TORCHBOOK_TEST_VALUE\").unwrap_or(\"none\")",
                "second",
            ),
            (":opt 2\nlet kept = 1;", ""),
            (":opt 0\nkept + 1", "\"2\""),
            ("Tensor::from_slice(&[kept]).size1().unwrap()", "\"1\""),
        ],
    );
    assert!(client.shut_down().success());
}

/// rust-analyzer sees less of std and the prelude than there is: every variable must still get its type.
#[test]
fn variables_of_what_containers_give_need_no_type() {
    let _alone = alone();
    let mut client = Client::real();
    check_story(
        &mut client,
        &[
            (
                "use std::collections::*;\nlet m: HashMap<String, f64> = [(\"a\".to_string(), 1.5)].into();",
                "",
            ),
            ("let a = m.get(\"a\").copied();\na", "Some(1.5)"),
            (
                "let k = m.iter().map(|(k, v)| (k.len(), *v)).collect::<Vec<_>>();\nk",
                "(1, 1.5)",
            ),
            (
                "let s: HashSet<i32> = [7].into(); let one = s.iter().next().copied();\none",
                "Some(7)",
            ),
            (
                "let v = vec![1.0, 2.0]; let n: Vec<_> = v.iter().map(|x| -x).collect();\nn",
                "[-1.0, -2.0]",
            ),
            (
                "let mut pairs = HashMap::new(); pairs.insert((0, 1), 2.5); let pair = pairs.get(&(0, 1)).copied();\npair",
                "Some(2.5)",
            ),
            ("let same = (1, 2) == (1, 2);\nsame", "true"),
            (
                "let four = std::num::NonZeroUsize::new(4).unwrap();\nfour",
                "4",
            ),
            (
                "let locked = std::sync::Mutex::new(5u8); let g = locked.lock().map(|g| *g).ok();\ng",
                "Some(5)",
            ),
            (
                "let d: VecDeque<u8> = [1].into(); let front = d.front().copied();\nfront",
                "Some(1)",
            ),
            (
                "let b: BTreeMap<i32, String> = [(2, \"b\".into())].into(); let first = b.values().next().cloned();\nfirst",
                "Some(\\\"b\\\")",
            ),
            (
                "let h: BinaryHeap<i32> = [3].into(); let top = h.peek().copied();\ntop",
                "Some(3)",
            ),
            (
                "let shared = std::sync::Arc::new(std::sync::RwLock::new(vec![1i16])); let r = shared.read().map(|v| v[0]).ok();\nr",
                "Some(1)",
            ),
            (
                "let tensors = vec![Tensor::from_slice(&[1.0f32])]; let size = tensors.first().map(|t| t.size());\nsize",
                "Some([1])",
            ),
            // Lengths that functions compute, and types behind `impl`.
            (
                "const N: usize = usize::pow(2, 3); let powers = [1u8; N]; let bytes = 5u32.to_le_bytes();\npowers.len() + bytes.len()",
                "12",
            ),
            (
                "let words = \"a bc\".split_whitespace().map(str::len).rev().collect::<Vec<_>>();\nwords",
                "[2, 1]",
            ),
            (
                "let sorted = [3, 1].into_iter().min(); let pairs = [1, 2].iter().zip([3.5, 4.5]).last();\n(sorted, pairs.map(|p| p.1))",
                "(Some(1), Some(4.5))",
            ),
            (
                "let number = \"7\".parse::<u16>().ok(); let sum = 250u8.checked_add(9); let (low, over) = 250u8.overflowing_add(9);\n(number, sum, low, over)",
                "(Some(7), None, 3, true)",
            ),
            // Of tch's generated methods, of operators, of the prelude's own.
            (
                "let a = Tensor::from_slice(&[1.0f32, 2.0]) * 2.0 + 1.0; let (best, at) = a.max_dim(0, false); let kind = a.kind();\n(best.double_value(&[]), at.int64_value(&[]), kind)",
                "(5.0, 1, Float)",
            ),
            (
                "let result = a.f_matmul(&a); let value = result.map(|t| t.double_value(&[])).unwrap_or(0.0);\nvalue",
                "34.0",
            ),
        ],
    );
    assert!(client.shut_down().success());
}
