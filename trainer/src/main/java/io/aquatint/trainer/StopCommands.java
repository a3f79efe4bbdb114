package io.aquatint.trainer;

import io.aquatint.events.Event;
import io.aquatint.events.StopTraining;
import io.aquatint.events.TrainingCommand;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The trainings that are to stop, since the topic's beginning: one that is resumed elsewhere stays stopped. */
final class StopCommands {
    private static final Logger LOG = LoggerFactory.getLogger(StopCommands.class);

    private final Set<String> stopped = ConcurrentHashMap.newKeySet();

    void on(Event<TrainingCommand> event) {
        if (event.data() instanceof StopTraining stop && stopped.add(stop.trainingId())) {
            LOG.info("{} is to stop: {}: {}", stop.trainingId(), stop.reason(), stop.detail());
        }
    }

    boolean stopped(String trainingId) {
        return stopped.contains(trainingId);
    }
}
