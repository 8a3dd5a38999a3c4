//! A line chart as inline SVG, with a logarithmic scale of nanoseconds.

use std::fmt::{self, Display, Write};

use super::page::escape;

/// One line of a chart.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// From left to right; 0 is the left edge of the chart and 1 the right one.
    pub(super) points: Vec<(f64, f64)>,
}

/// A line chart.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What lies to the right.
    pub(super) across: &'a str,
    /// Where along the bottom a word stands, and which.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) series: Vec<Series>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
/// Left, right, top, bottom.
const MARGINS: [f64; 4] = [64.0, 120.0, 12.0, 48.0];
/// The least distance between the names of two lines.
const LINE: f64 = 16.0;

/// Powers of ten from the lowest to the highest point, at least one decade.
struct Scale {
    lowest: f64,
    decades: f64,
}

impl Scale {
    fn of(series: &[Series]) -> Self {
        let values = || series.iter().flat_map(|series| &series.points).map(|(_, nanos)| *nanos);
        let least = values().fold(f64::INFINITY, f64::min).max(0.1);
        let most = values().fold(0.0, f64::max).max(0.2);
        let lowest = least.min(most).log10().floor();
        Self { lowest, decades: (most.log10().ceil() - lowest).max(1.0) }
    }

    fn y(&self, nanos: f64) -> f64 {
        let [_, _, top, bottom] = MARGINS;
        let up = (nanos.max(0.1).log10() - self.lowest) / self.decades;
        HEIGHT - bottom - up * (HEIGHT - top - bottom)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        let (lowest, highest) = (self.lowest, self.lowest + self.decades);
        (-2_i32..=11).map(f64::from).filter(move |power| (lowest..=highest).contains(power))
    }
}

fn x(part: f64) -> f64 {
    let [left, right, _, _] = MARGINS;
    left + part * (WIDTH - left - right)
}

impl Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = Scale::of(&self.series);
        let title = escape(self.title);
        writeln!(f, "<figure><figcaption>{title}</figcaption>")?;
        writeln!(f, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#)?;
        self.grid(f, &scale)?;
        for series in &self.series {
            line(f, series, &scale)?;
        }
        self.names(f, &scale)?;
        writeln!(f, "</svg></figure>")
    }
}

impl Chart<'_> {
    fn grid(&self, f: &mut impl Write, scale: &Scale) -> fmt::Result {
        let [left, right, _, bottom] = MARGINS;
        let end = WIDTH - right;
        for power in scale.powers() {
            let nanos = 10_f64.powf(power);
            let y = scale.y(nanos);
            writeln!(f, r#"<path class="grid" d="M{left:.0} {y:.1}H{end:.0}"/>"#)?;
            let (x, y, label) = (left - 8.0, y + 4.0, duration(nanos));
            writeln!(f, r#"<text class="end" x="{x:.0}" y="{y:.1}">{label}</text>"#)?;
        }
        let y = HEIGHT - bottom + 18.0;
        for (part, tick) in &self.ticks {
            let (x, tick) = (x(*part), escape(tick));
            writeln!(f, r#"<text class="middle" x="{x:.1}" y="{y:.1}">{tick}</text>"#)?;
        }
        let (x, y, across) = (x(0.5), HEIGHT - 8.0, escape(self.across));
        writeln!(f, r#"<text class="middle" x="{x:.1}" y="{y:.1}">{across}</text>"#)
    }

    /// The names of the lines at their right ends, moved apart where lines end together.
    fn names(&self, f: &mut impl Write, scale: &Scale) -> fmt::Result {
        let end = |series: &Series| series.points.last().map(|(_, nanos)| scale.y(*nanos));
        let mut names: Vec<_> =
            self.series.iter().filter_map(|series| Some((end(series)?, series.name))).collect();
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = 0.0_f64;
        for (y, name) in names {
            let y = (y + 4.0).max(free);
            free = y + LINE;
            let x = x(1.0) + 12.0;
            writeln!(f, r#"<text class="name {name}" x="{x:.0}" y="{y:.1}">{name}</text>"#)?;
        }
        Ok(())
    }
}

fn line(f: &mut impl Write, series: &Series, scale: &Scale) -> fmt::Result {
    let name = series.name;
    write!(f, r#"<path class="line {name}" d=""#)?;
    for (nth, (part, nanos)) in series.points.iter().enumerate() {
        let command = if nth == 0 { 'M' } else { 'L' };
        write!(f, "{command}{:.1} {:.1}", x(*part), scale.y(*nanos))?;
    }
    writeln!(f, r#""/>"#)?;
    // Few points are seen one by one, and one alone would not be seen at all.
    if series.points.len() <= 16 {
        for (part, nanos) in &series.points {
            let (x, y) = (x(*part), scale.y(*nanos));
            writeln!(f, r#"<circle class="dot {name}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#)?;
        }
    }
    Ok(())
}

/// `10 ns`, `1 µs`.
fn duration(nanos: f64) -> String {
    let (value, unit) = match nanos {
        _ if nanos < 1e3 => (nanos, "ns"),
        _ if nanos < 1e6 => (nanos / 1e3, "µs"),
        _ if nanos < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_covers_its_points_in_whole_decades() {
        let series = Series { name: "x", points: vec![(0.0, 3.0), (1.0, 250.0)] };
        let scale = Scale::of(&[series]);
        assert_eq!(scale.powers().collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0]);
        assert!(scale.y(3.0) > scale.y(250.0), "more is higher up");
        assert!((scale.y(1000.0) - MARGINS[2]).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_still_a_chart() {
        let chart = Chart { title: "a & b", across: "", ticks: Vec::new(), series: Vec::new() };
        assert!(chart.to_string().contains("a &amp; b"));
    }

    #[test]
    fn durations_are_read_without_counting_zeros() {
        let read = [1.0, 100.0, 1e3, 1e5, 1e6, 1e9].map(duration);
        assert_eq!(read, ["1 ns", "100 ns", "1 µs", "100 µs", "1 ms", "1 s"]);
    }
}
