//! Tables from CSV files: numbers, texts, missing values, and what is refused.

use super::*;

fn table(text: &str) -> Result<Table> {
    ReadCsv::new().read_from(text.as_bytes())
}

#[track_caller]
fn refused<T>(result: Result<T>, part: &str) {
    let error = result.err().expect(part).to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn columns_have_types_and_quotes_are_understood() -> Result<()> {
    let table = table("a, b ,\"c, d\"\n1,x,1e3\n2,\"y\n\",-0.5\n")?;
    assert_eq!((table.names(), table.rows()), (vec!["a", " b ", "c, d"], 2));
    assert!(table.is_numeric("c, d")? && !table.is_numeric(" b ")?);
    assert_eq!(Vec::<f32>::try_from(table.column("c, d")?)?, [1000.0, -0.5]);
    assert_eq!(table.texts(" b ")?, ["x", "y"]);
    refused(
        table.column(" b "),
        "a number in column ` b `, received `x` in line 2",
    );
    refused(table.column("bb"), "unknown column `bb`");
    Ok(())
}

#[test]
fn missing_values_are_named_by_line_until_they_are_dealt_with() -> Result<()> {
    let text = "x,y\n1,a\nNA,b\n3,\n4,b\n";
    refused(
        table(text)?.column("x"),
        "a value in column `x`, received none in line 3",
    );
    refused(
        table(text)?.classes("y"),
        "received none in line 4: use drop_missing",
    );
    let dropped = table(text)?.drop_missing();
    assert_eq!(Vec::<f32>::try_from(dropped.column("x")?)?, [1.0, 4.0]);
    let (y, names) = dropped.classes("y")?;
    assert_eq!(
        (Vec::<i64>::try_from(y)?, names),
        (vec![0, 1], vec!["a".into(), "b".into()])
    );
    let filled = table(text)?.fill_missing("x", 0.5)?;
    assert_eq!(
        Vec::<f32>::try_from(filled.column("x")?)?,
        [1.0, 0.5, 3.0, 4.0]
    );
    let marked = ReadCsv::new()
        .missing("?")
        .read_from("x\n?\n1\n".as_bytes())?;
    refused(marked.column("x"), "received none in line 2");
    Ok(())
}

#[test]
fn files_that_are_no_tables_are_refused() {
    refused(
        table("a,b\n1,2\n3\n"),
        "expected 2 values in each line, received 1 in line 3",
    );
    refused(table("a,b\n"), "received no samples");
    refused(
        read_csv("/nowhere/at.all"),
        "/nowhere/at.all: file not found",
    );
    let latin = ReadCsv::new().read_from(&b"a\n\xe9\n"[..]);
    refused(latin, "text in UTF-8");
    refused(
        ReadCsv::new().delimiter('→').read_from("".as_bytes()),
        "an ASCII character",
    );
}
