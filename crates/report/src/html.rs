//! The report as a self-contained HTML file.

use crate::canvas::escaped;
use crate::figure::Figure;

/// A self-contained HTML file: no scripts, no external resources, readable on light and dark screens and on paper. All
/// text is escaped. The same content gives the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Report {
    title: String,
    summary: String,
    results: Vec<(String, String)>,
    sections: Vec<Section>,
    provenance: Option<Provenance>,
}

/// Section of a report, with its parts in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Section {
    heading: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Table(Table),
    Figure(Figure, String),
}

/// A table; columns of numbers are right-aligned.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Caption of the table.
    pub caption: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each with one cell per column.
    pub rows: Vec<Vec<String>>,
}

/// Provenance of the results in a report.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// Stages that led to the results, the last one first.
    pub stages: Vec<Stage>,
    /// The whole resolved config, as JSON, collapsed by default.
    pub config: String,
}

/// A run of a program.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Program and version.
    pub program: String,
    /// Seed of its random numbers.
    pub seed: u64,
    /// Files that it read, each with its SHA-256.
    pub inputs: Vec<(String, String)>,
}

impl Report {
    /// Creates a report with this title.
    pub fn new(title: &str) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a sentence or two below the title.
    #[must_use]
    pub fn summary(mut self, text: &str) -> Self {
        self.summary = text.into();
        self
    }

    /// Adds a key result to the table at the top, such as `Performance` and `0.97 (0.92–0.99)`.
    #[must_use]
    pub fn result(mut self, name: &str, value: &str) -> Self {
        self.results.push((name.into(), value.into()));
        self
    }

    /// Adds the next section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds the provenance of the results, at the end.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }

    /// Renders the HTML file.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        html.push_str(&paragraphs(&self.summary));
        if !self.results.is_empty() {
            html.push_str("<table class=\"results\">\n<tbody>\n");
            for (name, value) in &self.results {
                html.push_str(&format!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                    escaped(name),
                    escaped(value)
                ));
            }
            html.push_str("</tbody>\n</table>\n");
        }
        let mut numbers = Numbers::default();
        for section in &self.sections {
            html.push_str(&section.html(&mut numbers));
        }
        if let Some(provenance) = &self.provenance {
            html.push_str(&provenance.html());
        }
        html.push_str("</main>\n</body>\n</html>\n");
        html
    }
}

/// Number of figures and tables so far.
#[derive(Default)]
struct Numbers {
    figures: usize,
    tables: usize,
}

impl Section {
    /// Creates a section with this heading.
    pub fn new(heading: &str) -> Self {
        Self { heading: heading.into(), parts: Vec::new() }
    }

    /// Adds text; an empty line starts a new paragraph.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.parts.push(Part::Table(table));
        self
    }

    /// Adds a figure with its caption. The description of the figure is its alternative text.
    #[must_use]
    pub fn figure(mut self, figure: Figure, caption: &str) -> Self {
        self.parts.push(Part::Figure(figure, caption.into()));
        self
    }

    fn html(&self, numbers: &mut Numbers) -> String {
        let mut html = format!("<section>\n<h2>{}</h2>\n", escaped(&self.heading));
        for part in &self.parts {
            html.push_str(&match part {
                Part::Text(text) => paragraphs(text),
                Part::Table(table) => {
                    numbers.tables += 1;
                    table.html(numbers.tables)
                }
                Part::Figure(figure, caption) => {
                    numbers.figures += 1;
                    figure_html(figure, caption, numbers.figures)
                }
            });
        }
        html.push_str("</section>\n");
        html
    }
}

impl Table {
    /// True if every cell of a column starts like a number.
    fn is_numeric(&self, column: usize) -> bool {
        !self.rows.is_empty() && self.rows.iter().filter_map(|row| row.get(column)).all(|cell| is_number(cell))
    }

    fn html(&self, number: usize) -> String {
        let numeric: Vec<bool> = (0..self.columns.len()).map(|column| self.is_numeric(column)).collect();
        let row = |cells: &[String], open: &str, close: &str| {
            let class = |column| if numeric.get(column) == Some(&true) { " class=\"number\"" } else { "" };
            let cell =
                |(column, text): (usize, &String)| format!("<{open}{}>{}</{close}>", class(column), escaped(text));
            format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
        };
        let head = row(&self.columns, "th scope=\"col\"", "th");
        let body: String = self.rows.iter().map(|cells| row(cells, "td", "td")).collect();
        let caption = escaped(&self.caption);
        format!(
            "<div class=\"table\"><table>\n<caption><b>Table {number}.</b> {caption}</caption>\n<thead>\n{head}</thead>\n\
             <tbody>\n{body}</tbody>\n</table></div>\n"
        )
    }
}

impl Provenance {
    fn html(&self) -> String {
        let row = |name: &str, value: String| format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n");
        let mut rows = String::new();
        for stage in &self.stages {
            rows.push_str(&row("Program", format!("{}, seed {}", escaped(&stage.program), stage.seed)));
            for (file, sha256) in &stage.inputs {
                rows.push_str(&row("Input", format!("{}<br><code>SHA-256 {}</code>", escaped(file), escaped(sha256))));
            }
        }
        let config = escaped(&self.config);
        format!(
            "<section>\n<h2>Provenance</h2>\n<table class=\"results\">\n<tbody>\n{rows}</tbody>\n</table>\n\
             <details>\n<summary>Config</summary>\n<pre>{config}</pre>\n</details>\n</section>\n"
        )
    }
}

fn paragraphs(text: &str) -> String {
    let paragraph = |text: &str| format!("<p>{}</p>\n", escaped(text.trim()));
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(paragraph).collect()
}

fn figure_html(figure: &Figure, caption: &str, number: usize) -> String {
    // Inside HTML the namespace is implied, and its address would look like an external resource.
    let svg = figure.svg().replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    format!("<figure>\n{svg}\n<figcaption><b>Figure {number}.</b> {}</figcaption>\n</figure>\n", escaped(caption))
}

/// True if a cell starts like a number.
fn is_number(text: &str) -> bool {
    text.trim_start_matches(['-', '−', '+', '±', '<', '≤', '≥', ' ']).starts_with(|c: char| c.is_ascii_digit())
}

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --ground: #ffffff; --line: #d1d9e0; --shade: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a0a8b0; --ground: #16191d; --line: #3d444d; --shade: #20242a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, \"Noto Sans\", Helvetica, Arial, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { margin: .75rem 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .925rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--line); }
.number { text-align: right; }
.results { margin: 1.25rem 0; }
.results th { font-weight: 600; padding-right: 2rem; white-space: nowrap; }
.results td { overflow-wrap: anywhere; }
.table { overflow-x: auto; margin: 1.25rem 0; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
figure { margin: 1.5rem 0; }
figure svg { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line); border-radius: 4px; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
caption b, figcaption b { color: var(--ink); }
code, pre { font-family: ui-monospace, \"DejaVu Sans Mono\", Menlo, Consolas, monospace; font-size: .85em; }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: 4px; padding: .75rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
@media print {
  :root { --ink: #000000; --soft: #333333; --ground: #ffffff; --line: #bbbbbb; --shade: #ffffff; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  figure svg { border: none; }
}
";
