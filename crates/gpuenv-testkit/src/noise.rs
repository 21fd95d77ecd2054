//! Bytes that look random to a compressor and are the same on every machine.

/// Returns that many pseudo-random bytes; equal seeds give equal bytes.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Returns a seed for a text, so that two files do not get the same bytes.
pub(crate) fn seed(text: &str) -> u64 {
    fingerprint(text.as_bytes())
}

/// Returns a number that changes with the bytes (FNV-1a).
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The next number of Vigna's SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut number = *state;
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_reproducible_and_does_not_compress() {
        let bytes = noise(seed("lib/big.bin"), 100_001);
        assert_eq!(bytes.len(), 100_001);
        assert_eq!(bytes, noise(seed("lib/big.bin"), 100_001));
        assert_ne!(bytes, noise(seed("lib/other.bin"), 100_001));
        let packed = zstd::encode_all(&bytes[..], 19).expect("memory to memory");
        assert!(packed.len() >= bytes.len(), "{} bytes", packed.len());
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // From the reference table of its authors.
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // First output of SplitMix64 for the seed 0, from its reference implementation.
        assert_eq!(noise(0, 8), 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    }
}
