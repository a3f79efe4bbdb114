package io.aquatint.pretraining;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SceneTest {
    private static final Subject CAT = new Subject("cat", "cat", "cats");
    private static final Subject ORANGE = new Subject("tangerine", "orange", "oranges");
    private static final Subject BREAD = new Subject("bread", "bread", "");

    private static Scene scene(List<Subject> subjects, int count, Scene.Size size, boolean named) {
        return new Scene(subjects, count, size, null, Colour.BLUE, named, "");
    }

    @Test
    void captionsAreEnglish() {
        assertThat(scene(List.of(CAT), 1, Scene.Size.NORMAL, true).caption()).isEqualTo("a cat on a blue background");
        assertThat(scene(List.of(ORANGE), 1, Scene.Size.NORMAL, false).caption())
                .isEqualTo("an orange");
        assertThat(scene(List.of(ORANGE), 1, Scene.Size.SMALL, false).caption()).isEqualTo("a small orange");
        assertThat(scene(List.of(CAT), 3, Scene.Size.NORMAL, true).caption())
                .isEqualTo("three cats on a blue background");
        assertThat(scene(List.of(BREAD, CAT), 1, Scene.Size.NORMAL, false).caption())
                .isEqualTo("bread and a cat");
        assertThat(new Scene(List.of(CAT), 2, Scene.Size.NORMAL, Colour.RED, Colour.ORANGE, true, "a photo of ")
                        .caption())
                .isEqualTo("a photo of two red cats on an orange background");
    }

    @Test
    void everyWordOfACaptionIsInTheVocabulary() {
        Set<String> words = new HashSet<>(Scene.words(Subject.all()));
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 5000; i++) {
            assertThat(words)
                    .contains(Scene.draw(Subject.all(), random).caption().split(" "));
        }
        assertThat(words).allMatch(word -> word.matches("[a-z]+"));
    }

    @Test
    void subjectsWithAColourInTheirNameGetNoOther() {
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 5000; i++) {
            Scene scene = Scene.draw(Subject.all(), random);
            if (scene.tint() != null) {
                assertThat(scene.subjects()).hasSize(1).noneMatch(Subject::coloured);
            }
        }
    }

    @Test
    void whetherACombinationIsHeldOutDoesNotDependOnItsWords() {
        Scene plain = scene(List.of(CAT), 2, Scene.Size.NORMAL, true);
        Scene photo = new Scene(List.of(CAT), 2, Scene.Size.NORMAL, null, Colour.BLUE, true, "a photo of ");
        assertThat(photo.heldOut()).isEqualTo(plain.heldOut());
        assertThat(photo.combination()).isEqualTo(plain.combination());
    }

    @Test
    void noTwoSubjectsHaveOneName() {
        assertThat(Subject.all()).extracting(Subject::singular).doesNotHaveDuplicates();
        assertThat(Subject.all()).extracting(Subject::key).doesNotHaveDuplicates();
    }
}
