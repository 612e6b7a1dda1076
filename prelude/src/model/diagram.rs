//! A picture of a model's layers and what flows between them, as SVG: no outside program draws it.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::path::Path;

use super::any_layer::AnyLayer;
use super::network::Network;
use super::summary::{escaped, shape_text};
use crate::display::Rich;
use crate::{Error, Result};

const BOX_HEIGHT: f64 = 52.0;
const ROW_GAP: f64 = 34.0;
const COLUMN_GAP: f64 = 36.0;
const MARGIN: f64 = 16.0;
/// Width of a letter; what is too wide for a box only makes it wider.
const LETTER: f64 = 7.4;
const SMALLEST_BOX: f64 = 150.0;

/// A picture of a model; as a cell's last expression it is shown. Made by [`plot_model`].
#[derive(Clone, PartialEq)]
pub struct Diagram {
    model: String,
    boxes: Vec<Block>,
    /// From which box to which.
    arrows: Vec<(usize, usize)>,
    width: f64,
    height: f64,
}

/// A layer.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    name: String,
    class: String,
    shape: String,
    colour: &'static str,
    /// Counted from above.
    row: usize,
    left: f64,
    width: f64,
}

impl Block {
    fn new(layer: &AnyLayer) -> Self {
        let class = layer.class_name().to_owned();
        let shape = match layer.known_output_shapes() {
            Some(shapes) => shape_text(&shapes),
            None => "?".to_owned(),
        };
        let name = layer.name();
        let letters = name
            .chars()
            .count()
            .max(class.chars().count())
            .max(shape.chars().count());
        let weights = layer.weights();
        Block {
            colour: match (class.as_str(), weights.is_empty(), layer.is_trainable()) {
                ("InputLayer", ..) => "#e3f2e1",
                (_, true, _) => "#f4f4f4",
                (_, false, true) => "#dce9f7",
                // Frozen.
                (_, false, false) => "#e6e0ee",
            },
            name,
            class,
            shape,
            row: 0,
            left: 0.0,
            width: (letters as f64 * LETTER + 20.0).max(SMALLEST_BOX),
        }
    }

    fn top(&self) -> f64 {
        MARGIN + self.row as f64 * (BOX_HEIGHT + ROW_GAP)
    }

    fn bottom(&self) -> f64 {
        self.top() + BOX_HEIGHT
    }

    fn middle(&self) -> f64 {
        self.left + self.width / 2.0
    }
}

/// Draws the layers of a model from its inputs down to its outputs, with names, classes and output
/// shapes. Layers with weights are blue, frozen ones violet.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let inputs = Input::new(8);
/// let x = Dense::new(8).activation("relu").call(&inputs)?;
/// let model = Model::new(&inputs, &Add::new().call((&inputs, &x))?)?;
/// let diagram = plot_model(&model);
/// assert!(diagram.to_svg().starts_with("<svg"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.utils.plot_model`, which needs Graphviz.
pub fn plot_model(model: &impl Network) -> Diagram {
    let layers = model.layers();
    let mut boxes: Vec<Block> = layers.iter().map(Block::new).collect();
    let arrows = arrows(model, &boxes);
    place_in_rows(&mut boxes, &arrows);
    let width = place_in_columns(&mut boxes, &arrows);
    let height = boxes.iter().map(Block::bottom).fold(0.0, f64::max) + MARGIN;
    Diagram {
        model: model.name().to_owned(),
        boxes,
        arrows,
        width,
        height,
    }
}

fn arrows(model: &impl Network, boxes: &[Block]) -> Vec<(usize, usize)> {
    let Some(connections) = model.connections() else {
        return (1..boxes.len()).map(|i| (i - 1, i)).collect();
    };
    let places: HashMap<&str, usize> = boxes
        .iter()
        .enumerate()
        .map(|(i, block)| (block.name.as_str(), i))
        .collect();
    let mut arrows = Vec::new();
    for (target, origins) in connections.iter().enumerate() {
        for origin in origins {
            if let Some(&source) = places.get(origin.layer.as_str())
                && !arrows.contains(&(source, target))
            {
                arrows.push((source, target));
            }
        }
    }
    arrows
}

/// Each layer below all it needs; an input just above the first layer that needs it.
fn place_in_rows(boxes: &mut [Block], arrows: &[(usize, usize)]) {
    for target in 0..boxes.len() {
        // Layers are listed after those they need, unless one is shared and used again further down.
        let sources = arrows
            .iter()
            .filter(|&&(source, to)| to == target && source < target);
        let row = sources.map(|&(source, _)| boxes[source].row + 1).max();
        boxes[target].row = row.unwrap_or(0);
    }
    for source in 0..boxes.len() {
        if arrows.iter().any(|&(_, target)| target == source) {
            continue;
        }
        let targets = arrows.iter().filter(|&&(from, _)| from == source);
        if let Some(first) = targets.map(|&(_, target)| boxes[target].row).min() {
            boxes[source].row = first.saturating_sub(1);
        }
    }
}

/// Side by side in each row, below what they need; returns the width of the picture.
fn place_in_columns(boxes: &mut [Block], arrows: &[(usize, usize)]) -> f64 {
    let rows = boxes.iter().map(|block| block.row + 1).max().unwrap_or(0);
    let row_width = |boxes: &[Block], members: &[usize]| {
        let widths: f64 = members.iter().map(|&i| boxes[i].width).sum();
        widths + COLUMN_GAP * members.len().saturating_sub(1) as f64
    };
    let members = |boxes: &[Block], row| {
        (0..boxes.len())
            .filter(|&i| boxes[i].row == row)
            .collect::<Vec<usize>>()
    };
    let widest = (0..rows)
        .map(|row| row_width(boxes, &members(boxes, row)))
        .fold(0.0, f64::max);
    for row in 0..rows {
        let mut members = members(boxes, row);
        let wish = |boxes: &[Block], i: usize| {
            let above = arrows
                .iter()
                .filter(|&&(source, target)| target == i && boxes[source].row < row);
            let middles: Vec<f64> = above.map(|&(source, _)| boxes[source].middle()).collect();
            match middles.is_empty() {
                true => f64::MAX,
                false => middles.iter().sum::<f64>() / middles.len() as f64,
            }
        };
        let wishes: HashMap<usize, f64> = members.iter().map(|&i| (i, wish(boxes, i))).collect();
        members.sort_by(|a, b| wishes[a].total_cmp(&wishes[b]));
        let mut left = MARGIN + (widest - row_width(boxes, &members)) / 2.0;
        for i in members {
            boxes[i].left = left;
            left += boxes[i].width + COLUMN_GAP;
        }
    }
    // Arrows that pass rows go around on the right.
    let around = if arrows
        .iter()
        .any(|&(a, b)| boxes[a].row + 1 != boxes[b].row)
    {
        COLUMN_GAP
    } else {
        0.0
    };
    widest + around + 2.0 * MARGIN
}

impl Diagram {
    /// The picture's source.
    pub fn to_svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\
             <title>{}</title><defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
             markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#666\"/></marker></defs>\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
            escaped(&self.model)
        );
        for &(source, target) in &self.arrows {
            let path = arrow(&self.boxes[source], &self.boxes[target]);
            let _ = write!(
                svg,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#666\" marker-end=\"url(#arrow)\"/>"
            );
        }
        for block in &self.boxes {
            let (top, middle) = (block.top(), block.middle());
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BOX_HEIGHT}\" rx=\"4\" fill=\"{}\" \
                 stroke=\"#888\"/><g text-anchor=\"middle\"><text x=\"{middle:.1}\" y=\"{:.1}\" \
                 font-weight=\"bold\">{}</text><text x=\"{middle:.1}\" y=\"{:.1}\">{}</text>\
                 <text x=\"{middle:.1}\" y=\"{:.1}\" fill=\"#555\">{}</text></g>",
                block.left,
                block.width,
                block.colour,
                top + 17.0,
                escaped(&block.name),
                top + 31.0,
                escaped(&block.class),
                top + 45.0,
                escaped(&block.shape)
            );
        }
        svg.push_str("</svg>");
        svg
    }

    /// Writes the picture into a file.
    ///
    /// # Errors
    /// [`Error::File`] if the system refuses it.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_svg()).map_err(|source| Error::File {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_svg(self.to_svg())
    }
}

/// Down to the next row; around the boxes if there are rows between, or if it goes up.
fn arrow(source: &Block, target: &Block) -> String {
    let (x, y) = (source.middle(), source.bottom());
    let (to_x, to_y) = (target.middle(), target.top());
    if source.row + 1 == target.row {
        let half = (y + to_y) / 2.0;
        return format!("M{x:.1} {y:.1}C{x:.1} {half:.1} {to_x:.1} {half:.1} {to_x:.1} {to_y:.1}");
    }
    let (x, y) = (source.left + source.width, source.top() + BOX_HEIGHT / 2.0);
    let (to_x, to_y) = (target.left + target.width, target.top() + BOX_HEIGHT / 2.0);
    let beside = x.max(to_x) + COLUMN_GAP;
    format!("M{x:.1} {y:.1}C{beside:.1} {y:.1} {beside:.1} {to_y:.1} {to_x:.1} {to_y:.1}")
}

/// Each layer and what it is fed by, where no picture can be shown.
impl fmt::Display for Diagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model)?;
        for (i, block) in self.boxes.iter().enumerate() {
            write!(f, "\n  {} ({}) {}", block.name, block.class, block.shape)?;
            let sources = self.arrows.iter().filter(|&&(_, target)| target == i);
            for (j, &(source, _)) in sources.enumerate() {
                write!(
                    f,
                    "{}{}",
                    if j == 0 { " <- " } else { ", " },
                    self.boxes[source].name
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Diagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    fn residual() -> Result<Model> {
        let inputs = Input::new(8).name("in");
        let side = Input::new(2).name("side");
        let x = Dense::new(8).name("a").call(&inputs)?;
        let x = Dense::new(8).name("b").trainable(false).call(&x)?;
        let x = Add::new().name("sum").call((&inputs, &x))?;
        let x = Concatenate::new().name("<both>").call((&x, &side))?;
        Model::new((&inputs, &side), &x)
    }

    #[test]
    fn layers_stand_below_what_they_need_and_do_not_overlap() -> Result<()> {
        let diagram = plot_model(&residual()?);
        let row = |name: &str| {
            diagram
                .boxes
                .iter()
                .find(|block| block.name == name)
                .map(|block| block.row)
        };
        let rows = ["in", "a", "b", "sum", "<both>"].map(row);
        assert_eq!(rows, [0, 1, 2, 3, 4].map(Some));
        assert_eq!(row("side"), Some(3), "just above the layer that needs it");
        assert_eq!(diagram.arrows.len(), 6);
        for (i, a) in diagram.boxes.iter().enumerate() {
            assert!(a.left >= 0.0 && a.left + a.width <= diagram.width, "{a:?}");
            for b in &diagram.boxes[..i] {
                let apart = a.left >= b.left + b.width || b.left >= a.left + a.width;
                assert!(a.row != b.row || apart, "{a:?} {b:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_source_is_svg_with_every_layer_and_arrow() -> Result<()> {
        let diagram = plot_model(&residual()?);
        let svg = diagram.to_svg();
        assert_eq!(svg.matches("marker-end").count(), 6);
        assert_eq!(svg.matches("rx=\"4\"").count(), 6);
        assert!(
            svg.contains("&lt;both&gt;") && svg.contains("(None, 10)"),
            "{svg}"
        );
        assert!(svg.contains("#e6e0ee"), "a frozen layer has its own colour");
        for (opening, closing) in [("<g ", "</g>"), ("<text ", "</text>"), ("<svg ", "</svg>")] {
            assert_eq!(svg.matches(opening).count(), svg.matches(closing).count());
        }
        let text = diagram.to_string();
        assert!(text.contains("\n  sum (Add) (None, 8) <- in, b"), "{text}");
        let folder = tempfile::tempdir().expect("a folder");
        diagram.save(folder.path().join("model.svg"))?;
        assert!(diagram.save(folder.path().join("no/model.svg")).is_err());
        Ok(())
    }

    #[test]
    fn a_sequential_is_a_chain_and_an_unbuilt_one_has_no_shapes() -> Result<()> {
        let diagram = plot_model(&Sequential::new([
            Dense::new(3).name("x").into(),
            Dense::new(2).name("y").into(),
        ])?);
        assert_eq!(diagram.arrows, [(0, 1)]);
        assert!(diagram.to_svg().contains(">?</text>"));
        assert_eq!(plot_model(&Sequential::new([])?).boxes.len(), 0);
        Ok(())
    }
}
