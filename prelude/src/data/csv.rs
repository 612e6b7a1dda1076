//! Tables from CSV files, and tensors from their columns.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use tch::{Kind, Tensor};

use crate::training::interrupt;
use crate::{Error, Result};

/// What stands for "no value", as pandas has it.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// Reads a CSV file with a line of names and commas between.
///
/// # Errors
/// As [`ReadCsv::read`].
///
/// # Example
/// ```
/// # use torchbook::*;
/// # let path = std::env::temp_dir().join(format!("torchbook-doc-{}.csv", std::process::id()));
/// # std::fs::write(&path, "width,height,kind\n1.5,2,oak\n0.5,1,elm\n").ok();
/// let table = read_csv(&path)?;
/// assert_eq!(table.names(), ["width", "height", "kind"]);
/// let x = table.tensor(&["width", "height"])?;
/// let (y, kinds) = table.classes("kind")?;
/// assert_eq!((x.shape(), y.shape()), ((2, 2).into(), 2.into()));
/// assert_eq!(kinds, ["elm", "oak"]);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), Error>(())
/// ```
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
    ReadCsv::new().read(path)
}

/// [`read_csv`] for files of another kind.
///
/// ```
/// use torchbook::*;
///
/// let table = ReadCsv::new().delimiter(';').header(false).read_from("1;2\n3;4\n".as_bytes())?;
/// assert_eq!(table.names(), ["0", "1"]);
/// assert_eq!(Vec::<f32>::try_from(table.column("1")?)?, [2.0, 4.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReadCsv {
    delimiter: char,
    header: bool,
    missing: Vec<String>,
}

impl Default for ReadCsv {
    fn default() -> Self {
        ReadCsv::new()
    }
}

impl ReadCsv {
    /// Commas, and a line of names.
    pub fn new() -> Self {
        ReadCsv {
            delimiter: ',',
            header: true,
            missing: MISSING.map(str::to_owned).into(),
        }
    }

    /// What is between the values: one ASCII character.
    pub fn delimiter(mut self, delimiter: char) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Whether the first line has names; without them columns are named `0`, `1`, ….
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// A further text that stands for "no value", such as `?`.
    pub fn missing(mut self, text: &str) -> Self {
        self.missing.push(text.to_owned());
        self
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::File`]; [`Error::WrongFileContent`] for lines with more or
    /// fewer values than others, with the line; [`Error::EmptyData`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingFile {
                path: path.to_owned(),
                remedy: "check the name, and the folder that the notebook runs in".into(),
            },
            _ => Error::File {
                action: "read",
                path: path.to_owned(),
                source,
            },
        })?;
        self.parse(file, path.to_owned())
    }

    /// Reads from anywhere else.
    ///
    /// # Errors
    /// As [`read`](ReadCsv::read).
    pub fn read_from(&self, source: impl Read) -> Result<Table> {
        self.parse(source, "CSV".into())
    }

    fn parse(&self, source: impl Read, path: PathBuf) -> Result<Table> {
        let delimiter = u8::try_from(self.delimiter).map_err(|_| Error::InvalidArgument {
            place: "read_csv: delimiter".into(),
            expected: "an ASCII character such as `;`".into(),
            received: self.delimiter.to_string(),
        })?;
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(self.header)
            .from_reader(source);
        let unreadable = |error: csv::Error| unreadable(&path, error);
        let mut names: Vec<String> = match self.header {
            true => reader
                .headers()
                .map_err(unreadable)?
                .iter()
                .map(str::to_owned)
                .collect(),
            false => Vec::new(),
        };
        let mut columns: Vec<Column> = names.iter().map(|_| Column::default()).collect();
        let mut lines = Vec::new();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(unreadable)? {
            if names.is_empty() {
                names = (0..record.len()).map(|i| i.to_string()).collect();
                columns.resize_with(names.len(), Column::default);
            }
            interrupt::check()?;
            lines.push(record.position().map_or(0, csv::Position::line));
            for (column, text) in columns.iter_mut().zip(&record) {
                let text = text.trim();
                let is_missing = self.missing.iter().any(|missing| missing == text);
                column.push((!is_missing).then_some(text));
            }
        }
        match lines.is_empty() {
            true => Err(Error::EmptyData {
                place: format!("{}: read_csv", path.display()),
            }),
            false => Ok(Table {
                path,
                names,
                columns,
                lines,
            }),
        }
    }
}

fn unreadable(path: &Path, error: csv::Error) -> Error {
    let content = |expected: &str, received: String| Error::WrongFileContent {
        path: path.to_owned(),
        expected: expected.to_owned(),
        received,
        remedy: "mend the line, or choose another delimiter".into(),
    };
    match error.into_kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.map_or_else(String::new, |pos| format!(" in line {}", pos.line()));
            let expected = format!("{expected_len} values in each line");
            content(&expected, format!("{len}{line}"))
        }
        csv::ErrorKind::Utf8 { pos, err } => {
            let line = pos.map_or_else(String::new, |pos| format!(" in line {}", pos.line()));
            content("text in UTF-8", format!("{err}{line}"))
        }
        csv::ErrorKind::Io(source) => Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        },
        other => content("lines of values", format!("{other:?}")),
    }
}

/// Values of one column. Numbers until a text comes.
#[derive(Clone, Debug, Default)]
struct Column {
    texts: Vec<Option<String>>,
    numbers: Vec<f64>,
    /// The first row that is no number.
    first_text: Option<usize>,
}

impl Column {
    fn push(&mut self, text: Option<&str>) {
        let number = text.map(str::parse::<f64>);
        if let Some(Err(_)) = number {
            self.first_text.get_or_insert(self.texts.len());
        }
        self.numbers
            .push(number.and_then(Result::ok).unwrap_or(f64::NAN));
        self.texts.push(text.map(str::to_owned));
    }

    fn first_missing(&self) -> Option<usize> {
        self.texts.iter().position(Option::is_none)
    }
}

/// The columns of a CSV file. Made by [`read_csv`].
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
    /// Where each row stands in the file.
    lines: Vec<u64>,
}

impl Table {
    /// Names of the columns.
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Whether all values of a column that are there are numbers.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn is_numeric(&self, name: &str) -> Result<bool> {
        Ok(self.find(name)?.first_text.is_none())
    }

    /// One column of numbers: `(n,)`, 32-bit floats.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; [`Error::WrongFileContent`] for a value that is missing or no
    /// number, with the line.
    pub fn column(&self, name: &str) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(self.numbers(name)?)?.f_to_kind(Kind::Float)?)
    }

    /// Several columns of numbers side by side: `(n, columns)`, 32-bit floats.
    ///
    /// # Errors
    /// As [`column`](Table::column); [`Error::EmptyData`] without a name.
    pub fn tensor(&self, names: &[&str]) -> Result<Tensor> {
        if names.is_empty() {
            return Err(Error::EmptyData {
                place: "Table::tensor: names".into(),
            });
        }
        let columns: Result<Vec<Tensor>> = names.iter().map(|name| self.column(name)).collect();
        Ok(Tensor::f_stack(&columns?, 1)?)
    }

    /// A column as class numbers, `(n,)`, 64-bit, and what they mean, in order.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; [`Error::WrongFileContent`] for a value that is missing.
    pub fn classes(&self, name: &str) -> Result<(Tensor, Vec<String>)> {
        let texts = self.texts(name)?;
        let mut classes = texts.clone();
        classes.sort_unstable();
        classes.dedup();
        let number = |text: &&str| classes.binary_search(text).unwrap_or(0) as i64;
        let numbers: Vec<i64> = texts.iter().map(number).collect();
        let classes = classes.into_iter().map(str::to_owned).collect();
        Ok((Tensor::f_from_slice(&numbers)?, classes))
    }

    /// A column as it is written.
    ///
    /// # Errors
    /// As [`classes`](Table::classes).
    pub fn texts(&self, name: &str) -> Result<Vec<&str>> {
        let column = self.find(name)?;
        self.complete(name, column)?;
        Ok(column.texts.iter().flatten().map(String::as_str).collect())
    }

    /// The rows in which nothing is missing.
    pub fn drop_missing(mut self) -> Self {
        let keep: Vec<bool> = (0..self.rows())
            .map(|row| {
                self.columns
                    .iter()
                    .all(|column| column.texts[row].is_some())
            })
            .collect();
        for column in &mut self.columns {
            let texts = std::mem::take(&mut column.texts);
            *column = Column::default();
            for (text, _) in texts.iter().zip(&keep).filter(|(_, keep)| **keep) {
                column.push(text.as_deref());
            }
        }
        let mut kept = keep.iter();
        self.lines.retain(|_| kept.next() == Some(&true));
        self
    }

    /// A number for whatever is missing in one column.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn fill_missing(mut self, name: &str, value: f64) -> Result<Self> {
        let place = self.place(name)?;
        if let Some(column) = self.columns.get_mut(place) {
            for (text, number) in column.texts.iter_mut().zip(&mut column.numbers) {
                if text.is_none() {
                    (*text, *number) = (Some(value.to_string()), value);
                }
            }
        }
        Ok(self)
    }

    fn place(&self, name: &str) -> Result<usize> {
        let place = self.names.iter().position(|known| known == name);
        place.ok_or_else(|| Error::unknown_name("column", name, &self.names()))
    }

    fn find(&self, name: &str) -> Result<&Column> {
        Ok(&self.columns[self.place(name)?])
    }

    fn numbers(&self, name: &str) -> Result<&[f64]> {
        let column = self.find(name)?;
        if let Some(row) = column.first_text {
            let text = column.texts[row].as_deref().unwrap_or_default();
            return Err(self.wrong(
                name,
                row,
                "a number",
                &format!("`{text}`"),
                "for class names use classes",
            ));
        }
        self.complete(name, column)?;
        Ok(&column.numbers)
    }

    fn complete(&self, name: &str, column: &Column) -> Result<()> {
        match column.first_missing() {
            None => Ok(()),
            Some(row) => {
                let remedy = "use drop_missing or fill_missing";
                Err(self.wrong(name, row, "a value", "none", remedy))
            }
        }
    }

    fn wrong(&self, name: &str, row: usize, expected: &str, received: &str, remedy: &str) -> Error {
        Error::WrongFileContent {
            path: self.path.clone(),
            expected: format!("{expected} in column `{name}`"),
            received: format!("{received} in line {}", self.lines[row]),
            remedy: remedy.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
