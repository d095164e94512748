//! Pieces against those that are cut character by character.

use arrow::array::{Array, StringViewArray};

use super::{slice, slice_texts};
use crate::random::Random;

fn naive(text: &str, start: i64, length: i64) -> String {
    let count = text.chars().count() as i64;
    let from = if start < 0 { i128::from(start) + i128::from(count) } else { i128::from(start) };
    let to = from + i128::from(length.max(0));
    (0_i128..).zip(text.chars()).filter(|(at, _)| (from..to).contains(at)).map(|(_, c)| c).collect()
}

#[test]
fn cuts_where_characters_begin() {
    let mut random = Random(3);
    let alphabet = ['a', 'b', 'é', 'c', '漢', '🚀', 'd', 'e'];
    for letters in [2, 3, 8] {
        let texts: Vec<Option<String>> = (0..400)
            .map(|row| {
                let text = (0..random.below(30)).map(|_| alphabet[random.below(letters)]).collect();
                (row % 9 != 4).then_some(text)
            })
            .collect();
        let whole: StringViewArray = texts.iter().map(|text| text.as_deref()).collect();
        for offset in [0, 7] {
            let (array, texts) = (whole.slice(offset, 300), &texts[offset..offset + 300]);
            for start in [0, 1, 2, 3, 5, 11, 13, 40, i64::MAX, -1, -3, -14, -40, i64::MIN] {
                for length in [0, 1, 2, 4, 12, 13, 40, i64::MAX, -1] {
                    let cut = slice_texts(&array, start, length);
                    cut.to_data().validate_full().unwrap();
                    for (text, piece) in texts.iter().zip(&cut) {
                        let expected = text.as_ref().map(|text| naive(text, start, length));
                        assert_eq!(piece, expected.as_deref(), "{text:?} from {start}, {length}");
                        assert_eq!(text.as_ref().map(|text| slice(text, start, length)), piece);
                    }
                }
            }
        }
    }
}
