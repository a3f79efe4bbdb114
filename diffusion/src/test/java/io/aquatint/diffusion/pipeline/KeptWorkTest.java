package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import org.junit.jupiter.api.Test;

class KeptWorkTest {
    private final KeptWork kept = new KeptWork(Device.cpu());

    private static final class Work implements Reusable {
        private final String key;
        private final long bytes;
        private boolean closed;

        Work(String key, long bytes) {
            this.key = key;
            this.bytes = bytes;
        }

        @Override
        public Object key() {
            return key;
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void whatIsKeptIsGivenOutOnce() {
        Work work = new Work("a", 1);
        kept.keep(work);
        assertThat(kept.take(Work.class, "a")).containsSame(work);
        assertThat(kept.take(Work.class, "a")).isEmpty();
        kept.close();
        assertThat(work.closed).isFalse();
    }

    @Test
    void whatNobodyAsksForIsClosed() {
        Work first = new Work("a", 1);
        Work second = new Work("b", 1);
        kept.keep(first);
        kept.keep(second);
        assertThat(first.closed).isTrue();
        assertThat(kept.take(Work.class, "a")).isEmpty();
        assertThat(second.closed).as("another is wanted").isTrue();

        Work third = new Work("c", 1);
        kept.keep(third);
        kept.close();
        assertThat(third.closed).isTrue();
    }

    @Test
    void whatTakesMuchMemoryIsNotKept() {
        Work large = new Work("a", 1L << 29);
        kept.keep(large);
        assertThat(large.closed).isTrue();
        assertThat(kept.take(Work.class, "a")).isEmpty();
    }
}
