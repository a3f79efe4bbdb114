package io.aquatint.runtime.kafka;

import io.aquatint.events.DatasetEvent;
import io.aquatint.events.Event;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingCommand;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.ValidationEvent;
import io.aquatint.events.VerdictEvent;

/** The key under which an event is kept: its data set, its training or its model. */
final class RecordKeys {
    private RecordKeys() {}

    static String of(Event<?> event) {
        Object data = event.data();
        if (data instanceof UploadEvent upload) {
            return upload.dataset();
        } else if (data instanceof VerdictEvent verdict) {
            return verdict.dataset();
        } else if (data instanceof DatasetEvent dataset) {
            return dataset.dataset();
        } else if (data instanceof TrainingRequest request) {
            return request.trainingId();
        } else if (data instanceof TrainingEvent training) {
            return training.trainingId();
        } else if (data instanceof TrainingCommand command) {
            return command.trainingId();
        } else if (data instanceof ValidationEvent validation) {
            return validation.trainingId();
        } else if (data instanceof ModelEvent model) {
            return model.dataset();
        } else if (data instanceof ModelVersion version) {
            return version.modelId();
        }
        throw new IllegalArgumentException("no key is known for events of type " + event.type());
    }
}
