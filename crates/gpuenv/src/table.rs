//! Text in columns.

/// Returns rows in columns under a head; the last column is as wide as it is.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let columns = Columns::measured(head, rows.iter().cloned());
    let lines = rows.iter().map(|row| columns.line(row));
    std::iter::once(columns.head()).chain(lines).collect()
}

/// The columns of a table whose rows are made one by one, and never all at once.
#[derive(Debug, Clone)]
pub struct Columns {
    head: Vec<String>,
    widths: Vec<usize>,
}

impl Columns {
    /// Looks at every row once.
    pub fn measured(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let head: Vec<String> = head.iter().map(|name| (*name).to_string()).collect();
        let length = |cell: &String| cell.chars().count();
        let mut widths: Vec<usize> = head.iter().map(length).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row) {
                *width = length(cell).max(*width);
            }
        }
        Self { head, widths }
    }

    /// Returns the line with the names of the columns.
    pub fn head(&self) -> String {
        self.line(&self.head)
    }

    /// Returns the line of a row.
    pub fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&self.widths) {
            line.push_str(cell);
            let padding = width.saturating_sub(cell.chars().count()) + 2;
            line.extend(std::iter::repeat_n(' ', padding));
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["ä".to_string(), "one".to_string()],
            vec!["long".to_string(), String::new()],
        ];
        assert_eq!(table(&["A", "B"], &rows), "A     B\nä     one\nlong\n");
    }
}
