//! The tables are Keras's, character by character.

use super::*;
use crate::testing::founding_model;
use crate::{Dense, Result, Sequential};

/// The text of Keras 3.15.1 for the same model, 88 characters wide;
/// tests/reference/make_reference.py writes it.
const KERAS: &str = include_str!("../../../../tests/reference/summary.txt");

#[test]
fn the_founding_models_table_is_kerass() -> Result<()> {
    let model = founding_model()?;
    let text = model.summary_table().to_string();
    // Numbers of automatic names depend on what other tests have built before.
    assert_eq!(without_numbers(&text), without_numbers(KERAS.trim_end()));
    let summary = model.summary_table();
    assert_eq!(summary.total_params(), 1_183_498);
    assert_eq!(summary.trainable_params(), 1_183_114);
    assert_eq!(summary.non_trainable_params(), 384);
    assert!(
        summary
            .to_html()
            .contains("<td style=\"text-align:right\">1,179,776</td>")
    );
    Ok(())
}

/// The texts of Keras 3.15.1 for a graph with a shared layer, a nested model and a frozen layer:
/// plain, then with all options; tests/reference/layers.py writes them.
#[test]
fn a_graphs_tables_are_kerass() -> Result<()> {
    let model = crate::testing::branched_model()?.with_name("branched");
    model.layer("shared")?.set_trainable(false);
    let table = model.summary_table();
    let texts = [
        table.to_string(),
        table.expand_nested().show_trainable().to_string(),
    ];
    let keras = include_str!("../../../../tests/reference/graph_summary.txt");
    assert_eq!(texts.join("\n\n"), keras.trim_end());
    Ok(())
}

fn without_numbers(table: &str) -> String {
    let mut out = String::new();
    for line in table.lines() {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let words = words.map(|word| match word.rsplit_once('_') {
            Some((stem, number)) if number.trim_matches('"').parse::<u32>().is_ok() => {
                stem.trim_matches('"')
            }
            _ => word.trim_matches('"'),
        });
        out.push_str(&words.collect::<Vec<_>>().join(" "));
        out.push('\n');
    }
    out
}

#[test]
fn a_model_without_a_shape_says_so() -> Result<()> {
    let text = Sequential::new([Dense::new(3)
        .name("a_name_that_is_so_long_that_it_has_to_be_wrapped")
        .into()])?
    .summary_table()
    .to_string();
    assert!(
        text.contains("│ ?                           │     0 (unbuilt) │"),
        "{text}"
    );
    assert!(text.contains(" Total params: 0 (0.00 B)"), "{text}");
    let width = text.lines().map(|line| line.chars().count()).max();
    assert_eq!(width, Some(88));
    Ok(())
}

#[test]
fn numbers_are_written_as_keras_writes_them() {
    assert_eq!(with_commas(1_183_498), "1,183,498");
    assert_eq!(with_commas(384), "384");
    assert_eq!(memory(4 * 1_183_498), "4.51 MB");
    assert_eq!(memory(4 * 384), "1.50 KB");
}
