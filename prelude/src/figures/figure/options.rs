//! How a figure looks: names, colours, axes, sizes.

use super::Figure;
use crate::figures::axes::ticks::Scale;
use crate::figures::axes::{Axes, AxisOptions, Heat, Marks, Series};
use crate::figures::colormap::{Colormap, Range};
use crate::figures::colours;

/// What was drawn last.
impl Figure {
    /// A name for what was drawn last, in the legend.
    pub fn label(mut self, label: &str) -> Self {
        match self.last_series() {
            Some(series) => series.label = Some(label.to_owned()),
            None => return self.nothing_drawn("label"),
        }
        self
    }

    /// The colour of what was drawn last: a name such as `red` or `tab:orange`, or `#1f77b4`.
    pub fn color(mut self, color: &str) -> Self {
        let Some(rgb) = colours::parse(color) else {
            return self.with_mistake("color", colours::KNOWN, format!("`{color}`"));
        };
        match self.last_series() {
            Some(series) => series.rgb = rgb,
            None => return self.nothing_drawn("color"),
        }
        self
    }

    /// How much of what is below shows through what was drawn last: 0 nothing is drawn, 1 opaque.
    pub fn alpha(mut self, alpha: f64) -> Self {
        if !(0.0..=1.0).contains(&alpha) {
            return self.with_mistake("alpha", "a number from 0 to 1", alpha);
        }
        match self.last_series() {
            Some(series) => series.alpha = alpha,
            None => return self.nothing_drawn("alpha"),
        }
        self
    }

    /// Makes the last line dashed.
    pub fn dashed(mut self) -> Self {
        match self.last_series().map(|series| &mut series.marks) {
            Some(Marks::Line { dashed, .. }) => *dashed = true,
            _ => return self.with_mistake("dashed", "a line before it", "none"),
        }
        self
    }

    /// Puts a dot at each point of the last line.
    pub fn dots(mut self) -> Self {
        match self.last_series().map(|series| &mut series.marks) {
            Some(Marks::Line { dots, .. }) => *dots = true,
            _ => return self.with_mistake("dots", "a line before it", "none"),
        }
        self
    }

    /// The colour table of the last heat map or grey image; [`Colormap::Viridis`] without it.
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        match self.last_heat() {
            Some(heat) => heat.colormap = colormap,
            None => return self.no_heat("colormap"),
        }
        self
    }

    /// Which numbers the ends of the colour table stand for in the last heat map or grey image; its
    /// smallest and largest without this call.
    pub fn color_limits(mut self, low: f64, high: f64) -> Self {
        if !(low < high && low.is_finite() && high.is_finite()) {
            return self.with_mistake("color_limits", "low < high", format!("{low}, {high}"));
        }
        match self.last_heat() {
            Some(heat) => heat.range = Range { low, high },
            None => return self.no_heat("color_limits"),
        }
        self
    }

    /// Writes each number into its cell of the last heat map.
    pub fn annotate(mut self) -> Self {
        match self.last_heat() {
            Some(heat) => heat.annotated = true,
            None => return self.no_heat("annotate"),
        }
        self
    }

    /// Whether a colour bar stands beside the last heat map or grey image.
    pub fn colorbar(mut self, shown: bool) -> Self {
        match self.last_heat() {
            Some(heat) => heat.colorbar = shown,
            None => return self.no_heat("colorbar"),
        }
        self
    }

    fn last_series(&mut self) -> Option<&mut Series> {
        self.axes.last_mut()?.series.last_mut()
    }

    fn last_heat(&mut self) -> Option<&mut Heat> {
        let series = self.axes.last_mut()?.series.iter_mut().rev();
        series
            .into_iter()
            .find_map(|series| match &mut series.marks {
                Marks::Heat(heat) => Some(heat),
                _ => None,
            })
    }

    fn nothing_drawn(self, place: &str) -> Self {
        // A chain with a mistake draws nothing after it: the first one is what to report.
        self.with_mistake(place, "something drawn before it", "nothing")
    }

    fn no_heat(self, place: &str) -> Self {
        self.with_mistake(place, "a heatmap or a grey image before it", "none")
    }
}

/// The last subplot.
impl Figure {
    /// What stands above the subplot.
    pub fn title(mut self, title: &str) -> Self {
        self.axes_mut().title = Some(title.to_owned());
        self
    }

    /// What stands below the x axis.
    pub fn x_label(mut self, label: &str) -> Self {
        self.axes_mut().x.label = Some(label.to_owned());
        self
    }

    /// What stands beside the y axis.
    pub fn y_label(mut self, label: &str) -> Self {
        self.axes_mut().y.label = Some(label.to_owned());
        self
    }

    /// Makes equal ratios equally long on the x axis. What is not above zero is not drawn.
    pub fn log_x(mut self) -> Self {
        self.axes_mut().x.scale = Scale::Log;
        self
    }

    /// Makes equal ratios equally long on the y axis. What is not above zero is not drawn.
    pub fn log_y(mut self) -> Self {
        self.axes_mut().y.scale = Scale::Log;
        self
    }

    /// The ends of the x axis, instead of those of the data.
    pub fn x_limits(self, low: f64, high: f64) -> Self {
        self.limits("x_limits", low, high, |axes| &mut axes.x)
    }

    /// The ends of the y axis, instead of those of the data.
    pub fn y_limits(self, low: f64, high: f64) -> Self {
        self.limits("y_limits", low, high, |axes| &mut axes.y)
    }

    /// Names at 0, 1, 2 and so on of the x axis, instead of numbers.
    pub fn x_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.axes_mut().x.categories = Some(owned(names));
        self
    }

    /// Names at 0, 1, 2 and so on of the y axis, instead of numbers.
    pub fn y_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.axes_mut().y.categories = Some(owned(names));
        self
    }

    /// Leaves the axes out: marks, numbers, names.
    pub fn bare(mut self) -> Self {
        self.axes_mut().bare = true;
        self
    }

    /// Begins the next subplot, to which the calls after this one belong.
    pub fn subplot(mut self) -> Self {
        self.axes_mut();
        self.axes.push(Axes::default());
        self
    }

    fn limits(
        mut self,
        place: &str,
        low: f64,
        high: f64,
        axis: impl FnOnce(&mut Axes) -> &mut AxisOptions,
    ) -> Self {
        if low == high || !low.is_finite() || !high.is_finite() {
            let received = format!("{low}, {high}");
            return self.with_mistake(place, "two different finite numbers", received);
        }
        axis(self.axes_mut()).limits = Some((low, high));
        self
    }
}

/// The whole.
impl Figure {
    /// How many subplots stand side by side; up to three without this call.
    pub fn columns(mut self, columns: usize) -> Self {
        if columns == 0 {
            return self.with_mistake("columns", "at least 1", columns);
        }
        self.columns = Some(columns);
        self
    }

    /// The size of the whole in CSS pixels. A PNG has twice as many pixels. Where an image needs
    /// more room to be sharp, the figure is larger.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        if !(50..=10_000).contains(&width) || !(50..=10_000).contains(&height) {
            let received = format!("{width} x {height}");
            return self.with_mistake("size", "50 to 10000 CSS pixels each way", received);
        }
        self.size = Some((width, height));
        self
    }

    /// What stands above all subplots.
    pub fn heading(mut self, heading: &str) -> Self {
        self.heading = Some(heading.to_owned());
        self
    }
}

fn owned<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect()
}
