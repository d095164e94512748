//! Orders against a stable sort by bucket.

use super::partition_by_hash;
use crate::random::Random;

#[test]
fn orders_rows_stably_by_high_bits() {
    let mut random = Random(1);
    for bits in [0, 1, 5, 8, 12, 16] {
        let hashes: Vec<u64> = (0..3000).map(|_| random.next()).collect();
        let bucket = |row: &u32| hashes[*row as usize].checked_shr(64 - bits).unwrap_or(0);
        let mut expected: Vec<u32> = (0..3000).collect();
        expected.sort_by_key(bucket);
        let partitions = partition_by_hash(&hashes, bits).unwrap();
        assert_eq!(partitions.order, expected);
        assert_eq!(partitions.offsets.len(), (1 << bits) + 1);
        for (number, ends) in partitions.offsets.windows(2).enumerate() {
            let rows = &partitions.order[ends[0] as usize..ends[1] as usize];
            assert!(rows.iter().all(|row| bucket(row) == number as u64));
        }
    }
    assert!(partition_by_hash(&[], 17).is_err());
    assert_eq!(partition_by_hash(&[], 2).unwrap().offsets, [0; 5]);
}
