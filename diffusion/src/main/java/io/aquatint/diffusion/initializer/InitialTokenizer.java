package io.aquatint.diffusion.initializer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A small CLIP vocabulary: all bytes, and the pairs that are most frequent in a list of words (Sennrich et al., 2016). */
record InitialTokenizer(Map<String, Integer> vocabulary, List<String> merges) {
    static final String BEGIN = "<|startoftext|>";
    static final String END = "<|endoftext|>";

    /** @param words lower case, letters a to z */
    static InitialTokenizer learn(List<String> words, int mergeCount) {
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        for (String suffix : List.of("", "</w>")) {
            for (String symbol : byteAlphabet()) {
                vocabulary.put(symbol + suffix, vocabulary.size());
            }
        }
        List<List<String>> split = words.stream()
                .map(InitialTokenizer::letters)
                .collect(ArrayList::new, ArrayList::add, ArrayList::addAll);
        List<String> merges = new ArrayList<>();
        while (merges.size() < mergeCount) {
            Map<String, Integer> counts = new TreeMap<>();
            for (List<String> word : split) {
                for (int i = 0; i + 1 < word.size(); i++) {
                    counts.merge(word.get(i) + " " + word.get(i + 1), 1, Integer::sum);
                }
            }
            String best = "";
            int most = 0;
            for (Map.Entry<String, Integer> entry : counts.entrySet()) {
                if (entry.getValue() > most) {
                    most = entry.getValue();
                    best = entry.getKey();
                }
            }
            if (best.isEmpty()) {
                break;
            }
            String[] pair = best.split(" ");
            merges.add(best);
            vocabulary.putIfAbsent(pair[0] + pair[1], vocabulary.size());
            split.replaceAll(word -> merge(word, pair[0], pair[1]));
        }
        vocabulary.put(BEGIN, vocabulary.size());
        vocabulary.put(END, vocabulary.size());
        return new InitialTokenizer(vocabulary, List.copyOf(merges));
    }

    private static List<String> letters(String word) {
        List<String> symbols = new ArrayList<>();
        for (int i = 0; i < word.length(); i++) {
            symbols.add(word.charAt(i) + (i == word.length() - 1 ? "</w>" : ""));
        }
        return symbols;
    }

    private static List<String> merge(List<String> word, String left, String right) {
        List<String> merged = new ArrayList<>();
        for (int i = 0; i < word.size(); i++) {
            if (i + 1 < word.size()
                    && word.get(i).equals(left)
                    && word.get(i + 1).equals(right)) {
                merged.add(left + right);
                i++;
            } else {
                merged.add(word.get(i));
            }
        }
        return merged;
    }

    /** A printable character for each byte, in the order of OpenAI's bytes_to_unicode. */
    private static List<String> byteAlphabet() {
        List<String> alphabet = new ArrayList<>();
        Map<Integer, Boolean> printable = new HashMap<>();
        for (int[] range : new int[][] {{'!', '~'}, {0xa1, 0xac}, {0xae, 0xff}}) {
            for (int character = range[0]; character <= range[1]; character++) {
                alphabet.add(Character.toString(character));
                printable.put(character, true);
            }
        }
        int next = 256;
        for (int value = 0; value < 256; value++) {
            if (!printable.containsKey(value)) {
                alphabet.add(Character.toString(next++));
            }
        }
        return alphabet;
    }
}
