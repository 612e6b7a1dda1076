//! `:dep` of crates that many notebooks want: none of them has the prelude built again.

use crate::cells::alone;
use crate::client::Client;
use crate::dependencies::{Prelude, shows};

/// A cell that uses a crate for real, and part of what it shows.
const CELLS: [(&str, &str); 7] = [
    (
        ":dep serde = { version = \"1\", features = [\"derive\"] }\n\
         :dep serde_json = \"1\"\n\
         #[derive(serde::Serialize, serde::Deserialize, Debug)] struct Row { name: String, size: u32 }\n\
         let row: Row = serde_json::from_str(r#\"{\"name\": \"a\", \"size\": 3}\"#)?;\n\
         (row.size + 1, serde_json::to_string(&row)?.len())",
        "(4, 21)",
    ),
    (
        ":dep rand = \"0.9\"\n\
         use rand::{Rng, SeedableRng};\n\
         let mut random = rand::rngs::StdRng::seed_from_u64(1);\n\
         let thrown: Vec<u8> = (0..100).map(|_| random.random_range(1..=6)).collect();\n\
         (thrown.iter().all(|eyes| (1..=6).contains(eyes)), thrown.contains(&6))",
        "(true, true)",
    ),
    (
        ":dep itertools = \"0.14\"\n\
         use itertools::Itertools;\n\
         (1..4).combinations(2).map(|pair| pair.iter().join(\"-\")).join(\" \")",
        "1-2 1-3 2-3",
    ),
    (
        ":dep ndarray = \"0.16\"\n\
         let matrix = ndarray::array![[1.0, 2.0], [3.0, 4.0]];\n\
         matrix.dot(&matrix).sum()",
        "54.0",
    ),
    (
        ":dep regex = \"1\"\n\
         let word = regex::Regex::new(r\"(\\w+)@(\\w+)\")?;\n\
         word.captures(\"to me@home now\").map(|found| found[2].to_owned())",
        "home",
    ),
    (
        ":dep rayon = \"1\"\n\
         use rayon::prelude::*;\n\
         (1..=1000u64).into_par_iter().map(|n| n * n).sum::<u64>()",
        "333833500",
    ),
    (
        ":dep image = \"0.25\"\n\
         let mut picture = image::RgbImage::new(4, 3);\n\
         picture.put_pixel(1, 2, image::Rgb([9, 8, 7]));\n\
         let mut png = std::io::Cursor::new(Vec::new());\n\
         picture.write_to(&mut png, image::ImageFormat::Png)?;\n\
         let read = image::load_from_memory(png.get_ref())?.to_rgb8();\n\
         (read.dimensions(), read.get_pixel(1, 2).0)",
        "((4, 3), [9, 8, 7])",
    ),
];

#[test]
fn common_crates_come_into_a_running_notebook() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let kept = Tensor::from_slice(&[1.0f32, 2.0, 4.0]);");
    let prelude = Prelude::of(&client);
    for (code, expected) in CELLS {
        shows(&mut client, code, expected);
        assert!(
            prelude.is_in_place(),
            "the prelude was built again by {code}"
        );
        shows(
            &mut client,
            "kept.sum(Kind::Float).double_value(&[])",
            "7.0",
        );
    }
    // The same process all along.
    assert_eq!(Prelude::of(&client).inode, prelude.inode);
    assert!(client.shut_down().success());
}

#[test]
fn crates_of_the_users_settings_are_in_scope_from_the_first_cell() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        "startup = \"use itertools::Itertools;\"\n\
         [dependencies]\nitertools = \"0.14\"\nno-crate-of-this-name-0 = \"1\"\n",
    )
    .unwrap();
    let mut client = Client::real_with(&[("TORCHBOOK_CONFIG", file.to_str().unwrap())]);
    let first = client.run("(1..4).join(\"+\")");
    let shown = crate::cells::shown(&first).join("\n");
    assert!(shown.contains("1+2+3"), "{shown}");
    // One that cannot be had is told, and the others work.
    assert!(
        shown.contains("the start-up cell `:dep no-crate-of-this-name-0"),
        "{shown}"
    );
    assert!(
        !crate::cells::shown(&client.run("1"))
            .join("\n")
            .contains("start-up")
    );
    assert!(client.shut_down().success());
}

const REBUILDS: &str = ":dep libc = { version = \"0.2\", features = [\"extra_traits\"] }\n\
    let process = unsafe { libc::getpid() };\n(process > 0, Tensor::from_slice(&[1.0f32]).size1()?)";

#[test]
fn a_first_cell_may_build_the_prelude_again() {
    let _alone = alone();
    let mut client = Client::real();
    let mut other = Client::real();
    other.run("let kept = Tensor::from_slice(&[1.0f32, 2.0]);");
    let others = Prelude::of(&other);
    shows(&mut client, REBUILDS, "(true, 1)");
    let built = Prelude::of(&client);
    assert!(built.is_in_place());
    assert_ne!(built.inode, others.inode);
    assert!(others.is_in_place());
    shows(&mut other, "kept.size1()?", "\"2\"");
    shows(&mut client, "process > 0", "true");
    assert!(client.shut_down().success());
    assert!(other.shut_down().success());
}

#[test]
fn after_a_restart_the_prelude_may_be_built_again() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("fn twice(x: usize) -> usize { 2 * x }\nlet lost = 1;");
    let before = Prelude::of(&client);
    assert_eq!(client.run(REBUILDS).reply["ename"], "PreludeInUse");
    shows(&mut client, ":restart", "variables are gone");
    // Cargo's steps are shown meanwhile.
    shows(&mut client, REBUILDS, "Compiling torchbook-prelude");
    let built = Prelude::of(&client);
    assert!(built.is_in_place());
    assert_ne!(built.inode, before.inode);
    shows(
        &mut client,
        "twice(Tensor::from_slice(&[process]).size1()? as usize)",
        "\"2\"",
    );
    assert!(client.shut_down().success());
}
