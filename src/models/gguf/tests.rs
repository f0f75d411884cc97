//! Every field of a GGUF file broken in turn: always a typed error, never a panic.

use std::fs;
use std::io::Cursor;

use proptest::prelude::*;

use super::testing::GgufWriter;
use super::*;

fn read(bytes: &[u8]) -> Result<GgufHeader, GgufError> {
    GgufHeader::from_reader(Cursor::new(bytes), bytes.len() as u64)
}

/// Checks that a file is refused with a message that contains `expected`.
fn check(writer: &GgufWriter, expected: &str) {
    check_bytes(&writer.build(), expected);
}

fn check_bytes(bytes: &[u8], expected: &str) {
    let message = read(bytes).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

/// Checks that a file is accepted.
fn accepted(writer: &GgufWriter) {
    read(&writer.build()).unwrap();
}

fn model() -> GgufWriter {
    GgufWriter::model()
}

#[test]
fn valid_header_tells_about_the_model() {
    let header = read(&model().build()).unwrap();
    assert_eq!(header.architecture(), "llama");
    assert_eq!(header.name(), Some("Tiny"));
    assert_eq!(header.file_type(), Some("Q8_0"));
    assert_eq!(header.chat_template(), Some("{{ messages }}"));
    assert_eq!(header.context_length(), Some(2048));
    assert_eq!(header.block_count(), Some(2));
    assert_eq!(header.embedding_length(), Some(32));
    assert_eq!(header.head_count(), Some(4));
    assert_eq!(header.head_count_kv(), Some(2));
    assert_eq!(header.key_length(), None);
    assert_eq!(header.sliding_window(), None);
    assert_eq!(header.vocab_len(), 4);
    assert_eq!(header.n_params, 32 * 4 + 32);
    assert_eq!(header.data_bytes, 4 * 34 + 32 * 4);
    assert_eq!(header.tensors[1].offset, 160);
    assert_eq!(header.tensors[0].dims, [32, 4, 1, 1]);
    assert_eq!(header.tensors[0].ggml_type.name, "Q8_0");
}

#[test]
fn numbers_a_layer_are_kept() {
    let heads = [4_u32.to_le_bytes(), 0_u32.to_le_bytes()];
    let writer = model()
        .numbers("llama.attention.head_count", 4, &heads)
        .without("llama.attention.head_count_kv");
    let header = read(&writer.build()).unwrap();
    assert_eq!(header.per_layer("attention.head_count"), Some(vec![4, 0]));
    assert_eq!(header.head_count_kv(), Some(4));
}

#[test]
fn other_formats_and_versions_are_refused() {
    check_bytes(b"", "empty");
    check_bytes(b"G", "cut short");
    check_bytes(b"PK\x03\x04....", "not a GGUF file");
    check_bytes(b"{}", "not a GGUF file");
    let version = |version| GgufWriter { version, ..model() };
    accepted(&version(2));
    check(&version(0), "version 0");
    check(&version(1), "version 1 ");
    check(&version(4), "version 4");
    check(&version(999), "version 999");
    check(&version(3_u32.swap_bytes()), "big-endian");
    check(&version(2_u32.swap_bytes()), "big-endian");
}

#[test]
fn header_cut_anywhere_is_refused() {
    let writer = model();
    let bytes = writer.build();
    let header = writer.header().len();
    for len in 0..header {
        assert!(read(&bytes[..len]).is_err(), "cut at {len}");
    }
    // The padding after the last tensor may be missing, its data may not.
    for len in header..bytes.len() {
        let message = read(&bytes[..len]).unwrap_err().to_string();
        assert!(message.contains("cut short"), "cut at {len}: {message}");
    }
}

#[test]
fn missing_padding_at_the_end_is_harmless() {
    let writer = model().tensor("x", &[3], 0);
    let bytes = writer.build();
    read(&bytes[..bytes.len() - 20]).unwrap();
    check_bytes(&bytes[..bytes.len() - 21], "cut short");
}

#[test]
fn counts_beyond_the_file_are_refused() {
    for count in [1 << 63, u64::MAX, 1 << 30] {
        let n = Some(count);
        check(
            &GgufWriter {
                n_tensors: n,
                ..model()
            },
            "number of tensors is",
        );
        check(
            &GgufWriter {
                n_keys: n,
                ..model()
            },
            "number of metadata keys is",
        );
    }
    let n = Some(60_000);
    check(
        &GgufWriter {
            n_tensors: n,
            ..model()
        },
        "cut short",
    );
    check(
        &GgufWriter {
            n_keys: n,
            ..model()
        },
        "cut short",
    );
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let raw = |key: &[u8]| model().raw(key, 4, &[0; 4]);
    check(&raw(b""), "it is empty");
    check(&raw(b"\xff\xfe"), "not UTF-8");
    check(&raw(b"a\0b"), "NUL");
    check(&raw(b"general.name"), "given twice");
    check(
        &raw(&vec![b'k'; 65_536]),
        "length of a metadata key is 65536",
    );
    accepted(&raw(&vec![b'k'; 65_535]));
}

#[test]
fn strings_longer_than_the_file_are_refused() {
    for len in [u64::MAX, 1 << 63, 1 << 40, 100_000] {
        check(&model().raw(b"x", 8, &len.to_le_bytes()), "cut short");
        let mut key = model();
        key.keys.insert(0, len.to_le_bytes().to_vec());
        assert!(read(&key.build()).is_err());
        let mut tensor = model();
        tensor.tensors.insert(0, len.to_le_bytes().to_vec());
        assert!(read(&tensor.build()).is_err());
    }
}

#[test]
fn values_of_unknown_types_are_refused() {
    for id in [13, 255, u32::MAX] {
        check(&model().raw(b"x", id, &[0; 64]), "not one of GGUF's 13");
        let mut array = id.to_le_bytes().to_vec();
        array.extend([0; 64]);
        check(&model().raw(b"x", 9, &array), "not one of GGUF's 13");
    }
}

#[test]
fn arrays_are_bounded_and_flat() {
    let array = |item_type: u32, len: u64| {
        let mut bytes = item_type.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        model().raw(b"x", 9, &bytes)
    };
    check(&array(9, 1), "array of arrays");
    for item_type in [0, 4, 8, 12] {
        accepted(&array(item_type, 0));
        check(&array(item_type, 100_000), "cut short");
        check(&array(item_type, 1 << 63), "more than the");
        check(&array(item_type, u64::MAX), "more than the");
    }
}

#[test]
fn long_values_are_stepped_over() {
    let bytes = model()
        .text("tokenizer.huggingface.json", &"x".repeat(2 << 20))
        .numbers("long", 0, &[[7]; 5000])
        .numbers("short", 0, &[[7]; 4096])
        .build();
    let header = read(&bytes).unwrap();
    let json = &header.metadata["tokenizer.huggingface.json"];
    assert_eq!(*json, GgufValue::LongString(2 << 20));
    let long = header.metadata["long"].as_array().unwrap();
    assert_eq!((long.len, long.items.len()), (5000, 0));
    let short = header.metadata["short"].as_array().unwrap();
    assert_eq!((short.len, short.items.len()), (4096, 4096));
}

#[test]
fn alignment_must_be_a_usable_power_of_two() {
    let aligned = |alignment| model().u32("general.alignment", alignment);
    for alignment in [0, 3, 33, 1 << 31, u32::MAX] {
        check(&aligned(alignment), "not a power of two");
    }
    check(&model().text("general.alignment", "32"), "unsigned 32-bit");
    accepted(&aligned(32));
    // Every tensor's place must suit ggml even if the file promises less.
    let mut low = GgufWriter {
        alignment: 4,
        ..GgufWriter::empty()
    };
    low.keys = model().u32("general.alignment", 4).keys;
    check(&low.tensor("a", &[1], 0).tensor("b", &[1], 0), "cannot map");
}

#[test]
fn tensors_that_cannot_be_are_refused() {
    let end = model().data.len() as u64;
    let raw = |name: &[u8], dims: &[u64], id| model().raw_tensor(name, dims, id, end);
    check(&raw(b"", &[1], 0), "its name has 0 bytes");
    check(&raw(&[b'n'; 64], &[1], 0), "its name has 64 bytes");
    check(&raw(b"\xff", &[1], 0), "not a text");
    check(&raw(b"a\0", &[1], 0), "not a text");
    check(&raw(b"output_norm.weight", &[1], 0), "two tensors");
    check(&raw(b"x", &[1; 5], 0), "5 dimensions");
    check(&raw(b"x", &[1, 0], 0), "a dimension is 0");
    check(&raw(b"x", &[u64::MAX], 0), "a dimension is");
    check(&raw(b"x", &[1 << 32, 1 << 32], 0), "overflows");
    check(&raw(b"x", &[1 << 31, 1 << 31, 2], 28), "overflows");
    check(&raw(b"x", &[1 << 62], 0), "overflows");
    check(&raw(b"x", &[33], 8), "not a multiple of 32");
    for id in [4, 5, 31, 36, 43, u32::MAX] {
        check(&raw(b"x", &[32], id), "unknown or was removed");
    }
    check(&raw(b"x", &[1 << 40], 0), "cut short");
    check(&raw(b"x", &[1], 0), "cut short");
}

#[test]
fn tensor_data_must_follow_one_another() {
    let end = model().data.len() as u64;
    for offset in [0, end - 32, end + 1, end + 32, u64::MAX] {
        let writer = model().raw_tensor(b"x", &[1], 0, offset);
        check(&writer, "its data is said to be at");
    }
}

#[test]
fn files_that_are_no_language_model_are_refused() {
    let arch = "general.architecture";
    check(&model().without(arch), "'general.architecture' is missing");
    check(&model().u32(arch, 1), "must be a text");
    check(&model().text(arch, "clip"), "mmproj");
    check(&model().text("general.type", "adapter"), "LoRA adapter");
    for key in ["block_count", "context_length", "embedding_length"] {
        check(&model().without(&format!("llama.{key}")), "is missing");
    }
    check(&model().without("tokenizer.ggml.tokens"), "is missing");
    check(&model().without("tokenizer.ggml.model"), "is missing");
}

#[test]
fn hyperparameters_that_llama_cpp_asserts_on_are_refused() {
    let with = |key: &str, value| model().u32(&format!("llama.{key}"), value);
    for (key, bad) in [
        ("block_count", &[0, 513, u32::MAX][..]),
        ("embedding_length", &[0, u32::MAX]),
        ("context_length", &[0]),
        ("attention.head_count", &[u32::MAX]),
        ("attention.key_length", &[0, 9]),
        ("attention.value_length", &[u32::MAX, 9]),
        ("attention.head_count_kv", &[3]),
        ("rope.dimension_count", &[4]),
        ("nextn_predict_layers", &[3]),
        ("expert_count", &[8, 1025]),
        ("expert_used_count", &[1]),
        ("expert_group_count", &[1, 2]),
    ] {
        for &value in bad {
            assert!(read(&with(key, value).build()).is_err(), "{key} {value}");
        }
    }
    check(&model().i32("llama.block_count", -1), "whole number");
    check(
        &model().text("llama.rope.scaling.type", "cubic"),
        "longrope",
    );
    let heads = [4_u32.to_le_bytes(); 3];
    let by_layer = |heads| model().numbers("llama.attention.head_count", 4, heads);
    check(&by_layer(&heads), "3 items for 2 layers");
}

#[test]
fn unusual_but_valid_hyperparameters_are_accepted() {
    let with = |key: &str, value| model().u32(&format!("llama.{key}"), value);
    // No heads (Mamba), heads that do not divide the width, experts, YaRN, an unknown architecture.
    accepted(&with("attention.head_count", 0));
    accepted(&with("attention.head_count", 6));
    let experts = with("expert_count", 8).u32("llama.expert_used_count", 2);
    accepted(&experts);
    let grouped = experts
        .u32("llama.expert_group_count", 4)
        .u32("llama.expert_group_used_count", 2);
    accepted(&grouped);
    check(&grouped.u32("llama.expert_group_used_count", 4), "groups");
    accepted(&model().text("llama.rope.scaling.type", "yarn"));
    let other = model()
        .text("general.architecture", "future")
        .u32("future.block_count", 1)
        .u32("future.context_length", 1)
        .u32("future.embedding_length", 1);
    accepted(&other);
}

#[test]
fn vocabulary_must_agree_with_itself() {
    let tokens = |tokens: &[&str]| model().texts("tokenizer.ggml.tokens", tokens);
    check(&tokens(&[]), "vocabulary is empty");
    check(&tokens(&["a", "b", "c"]), "4 items for 3 tokens");
    check(&tokens(&["a", "b", "c", "a"]), "token 3 is there twice");
    // As C strings these are twins; an empty token gets a name of its own.
    check(
        &tokens(&["a", "b", "c\0x", "c\0y"]),
        "token 3 is there twice",
    );
    check(
        &tokens(&["", "b", "c", "[EMPTY_0]"]),
        "token 3 is there twice",
    );
    accepted(&tokens(&["", "", "c", "d"]));
    check(&model().u32("tokenizer.ggml.tokens", 1), "array of texts");
    let scores = |scores: &[[u8; 4]]| model().numbers("tokenizer.ggml.scores", 6, scores);
    check(&scores(&[[0; 4]; 3]), "3 items for 4 tokens");
    check(&scores(&[[0; 4]; 5]), "5 items for 4 tokens");
    let types = |id| model().numbers("tokenizer.ggml.token_type", id, &[[0; 4]; 4]);
    check(&types(6), "array of numbers");
    let bert = model()
        .text("tokenizer.ggml.model", "bert")
        .u32("tokenizer.ggml.seperator_token_id", 3);
    accepted(&bert);
    let bytes = bert.numbers("tokenizer.ggml.token_type", 5, &[[6, 0, 0, 0]; 4]);
    check(&bytes, "byte tokens");
}

#[test]
fn special_tokens_must_exist_where_it_matters() {
    let with = |key: &str, id| model().u32(&format!("tokenizer.ggml.{key}_token_id"), id);
    for key in ["bos", "eos", "eot", "eom"] {
        check(&with(key, 4), "outside the vocabulary of 4");
    }
    // llama.cpp falls back to its default for these, and takes 2^32 - 1 as none.
    accepted(&with("padding", 4));
    accepted(&with("unknown", u32::MAX));
    accepted(&with("eot", u32::MAX));
    check(&model().i32("tokenizer.ggml.bos_token_id", -1), "unsigned");
}

#[test]
fn tokens_that_are_added_to_every_text_must_exist() {
    let bpe = model()
        .text("tokenizer.ggml.model", "gpt2")
        .without("tokenizer.ggml.bos_token_id")
        .without("tokenizer.ggml.eos_token_id");
    accepted(&bpe);
    let add = |key: &str| {
        bpe.clone()
            .bool(&format!("tokenizer.ggml.add_{key}_token"), true)
    };
    check(&add("bos"), "adds this token");
    check(&add("eos"), "adds this token");
    accepted(&add("bos").u32("tokenizer.ggml.bos_token_id", 0));
    let pre = |name| bpe.clone().text("tokenizer.ggml.pre", name);
    check(&pre("llama3"), "adds this token");
    check(&pre("gemma4"), "adds this token");
    accepted(&pre("llama3").bool("tokenizer.ggml.add_bos_token", false));
    accepted(&pre("qwen2"));
}

/// Writes a split model of files with the given (no, count, tensors count).
fn split(dir: &Path, files: &[(u16, u16, i32)]) -> PathBuf {
    let count = files.len();
    for (index, &(no, of, total)) in files.iter().enumerate() {
        let base = if index == 0 {
            model()
        } else {
            GgufWriter::empty().tensor(&format!("blk.{index}"), &[32], 0)
        };
        let bytes = base
            .u16("split.no", no)
            .u16("split.count", of)
            .i32("split.tensors.count", total)
            .build();
        let name = format!("m-{:05}-of-{count:05}.gguf", index + 1);
        fs::write(dir.join(name), bytes).unwrap();
    }
    dir.join(format!("m-00001-of-{count:05}.gguf"))
}

#[test]
fn split_model_is_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = split(dir.path(), &[(0, 3, 4), (1, 3, 4), (2, 3, 4)]);
    let header = GgufHeader::read(&path).unwrap();
    assert_eq!(header.shards.len(), 3);
    assert_eq!(header.tensors.len(), 4);
    assert_eq!(header.tensors[3].shard, 2);
    assert_eq!(header.n_params, 32 * 4 + 32 + 2 * 32);
}

#[test]
fn split_model_that_does_not_fit_together_is_refused() {
    let check = |files: &[(u16, u16, i32)], expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = split(dir.path(), files);
        let message = GgufHeader::read(&path).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check(&[(0, 2, 3), (0, 2, 3)], "by its content file 1");
    check(&[(0, 2, 3), (1, 3, 3)], "of 3 files");
    check(
        &[(0, 3, 3), (1, 3, 3)],
        "its name must be NAME-00001-of-00003",
    );
    check(&[(1, 2, 3), (0, 2, 3)], "give the first one");
    check(&[(0, 2, 9), (1, 2, 9)], "announces 9 tensors");
    check(&[(0, 2, -1), (1, 2, -1)], "announces -1 tensors");

    let dir = tempfile::tempdir().unwrap();
    let path = split(dir.path(), &[(0, 2, 3), (1, 2, 3)]);
    let second = dir.path().join("m-00002-of-00002.gguf");
    let refused = |expected: &str| {
        let message = GgufHeader::read(&path).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    fs::write(&second, b"GGUF").unwrap();
    refused("m-00002-of-00002.gguf: the file is cut short");
    let twin = GgufWriter::empty().tensor("output_norm.weight", &[32], 0);
    fs::write(&second, twin.clone().u32("split.no", 1).build()).unwrap();
    refused("unsigned 16-bit");
    fs::write(&second, twin.build()).unwrap();
    refused("'split.no' is missing");
    fs::write(&second, twin.u16("split.no", 1).build()).unwrap();
    refused("two files");
    fs::remove_file(&second).unwrap();
    refused("cannot read");
}

#[test]
fn only_regular_files_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let message = GgufHeader::read(dir.path()).unwrap_err().to_string();
    assert!(message.contains("not a regular file"), "{message}");
    let absent = dir.path().join("absent.gguf");
    let message = GgufHeader::read(&absent).unwrap_err().to_string();
    assert!(message.contains("absent.gguf"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any bytes changed anywhere give a header or an error; what is kept stays in proportion.
    #[test]
    fn damaged_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = model().build();
        for (at, byte) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let whole = read(&bytes);
        if let Ok(header) = whole {
            prop_assert!(header.data_bytes <= bytes.len() as u64);
            prop_assert!(header.tensors.len() <= bytes.len());
        }
        let cut = cut.index(bytes.len());
        let _ = read(&bytes[..cut]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(body);
        prop_assert!(read(&bytes).is_err());
    }
}
