//! "Did you mean …": the known word nearest to an unknown one.

/// Words longer than this are not misspelt, they are something else.
const LONGEST: usize = 64;

/// Returns the known word that was probably meant, if one is near enough.
///
/// Near is at most a third of the letters changed, or the only known word that
/// contains the wanted one.
pub fn suggest<'k>(wanted: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let wanted = wanted.trim().to_lowercase();
    let length = wanted.chars().count();
    if length == 0 || length > LONGEST {
        return None;
    }
    let mut nearest: Option<(usize, &str)> = None;
    let mut containing = Vec::new();
    for word in known {
        let lower = word.to_lowercase();
        let distance = strsim::damerau_levenshtein(&wanted, &lower);
        if nearest.is_none_or(|(least, _)| distance < least) {
            nearest = Some((distance, word));
        }
        if length >= 3 && lower.contains(&wanted) {
            containing.push(word);
        }
    }
    match nearest {
        Some((distance, word)) if distance <= (length / 3).max(1) => Some(word),
        _ if containing.len() == 1 => containing.pop(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["hello-gpu", "pytorch-gpu", "tf-gpu", "cupy"];

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        assert_eq!(suggest("tf-gup", KNOWN), Some("tf-gpu"));
        assert_eq!(suggest("TF-GPU", KNOWN), Some("tf-gpu"));
        assert_eq!(suggest("helo-gpu", KNOWN), Some("hello-gpu"));
    }

    #[test]
    fn a_part_of_one_word_finds_that_word() {
        assert_eq!(suggest("torch", KNOWN), Some("pytorch-gpu"));
        assert_eq!(suggest("-gpu", KNOWN), None);
    }

    #[test]
    fn something_else_finds_nothing() {
        assert_eq!(suggest("jax", KNOWN), None);
        assert_eq!(suggest("", KNOWN), None);
        assert_eq!(suggest("x", KNOWN), None);
        assert_eq!(suggest(&"x".repeat(10_000), KNOWN), None);
    }
}
