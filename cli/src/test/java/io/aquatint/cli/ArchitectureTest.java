package io.aquatint.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** What may know what. */
@AnalyzeClasses(packages = "io.aquatint", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    private static final String OURS = "io.aquatint..";
    private static final String EVENTS = "io.aquatint.events..";
    private static final String DIFFUSION = "io.aquatint.diffusion..";
    private static final String RUNTIME = "io.aquatint.runtime..";
    private static final String INGEST = "io.aquatint.ingest..";
    private static final String TRAINER = "io.aquatint.trainer..";
    private static final String VALIDATOR = "io.aquatint.validator..";
    private static final String REGISTRY = "io.aquatint.registry..";
    private static final String PRETRAINING = "io.aquatint.pretraining..";
    private static final String STANDALONE = "io.aquatint.standalone..";
    private static final String CLI = "io.aquatint.cli..";

    @ArchTest
    static final ArchRule modulesHaveNoCycles =
            slices().matching("io.aquatint.(*)..").should().beFreeOfCycles().because("arrows point down only");

    @ArchTest
    static final ArchRule eventsDependOnNothingOfOurs = noClasses()
            .that()
            .resideInAPackage(EVENTS)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(DIFFUSION, RUNTIME, INGEST, TRAINER, VALIDATOR, REGISTRY, PRETRAINING, STANDALONE, CLI)
            .because("other people's programs take the contract alone");

    @ArchTest
    static final ArchRule diffusionDependsOnNothingOfOurs = noClasses()
            .that()
            .resideInAPackage(DIFFUSION)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(EVENTS, RUNTIME, INGEST, TRAINER, VALIDATOR, REGISTRY, PRETRAINING, STANDALONE, CLI)
            .because("it is a model library of its own");

    @ArchTest
    static final ArchRule diffusionKnowsNoInfrastructure = noClasses()
            .that()
            .resideInAPackage(DIFFUSION)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..", "io.vertx..", "io.minio..", "okhttp3..", "io.cloudevents..")
            .because("a model is trained and drawn from alike wherever its pictures came from");

    @ArchTest
    static final ArchRule pretrainingKnowsOnlyDiffusion = noClasses()
            .that()
            .resideInAPackage(PRETRAINING)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(EVENTS, RUNTIME, INGEST, TRAINER, VALIDATOR, REGISTRY, STANDALONE, CLI)
            .because("a base model is made without any service");

    @ArchTest
    static final ArchRule runtimeKnowsOnlyEvents = noClasses()
            .that()
            .resideInAPackage(RUNTIME)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(DIFFUSION, INGEST, TRAINER, VALIDATOR, REGISTRY, PRETRAINING, STANDALONE, CLI)
            .because("every service stands on it")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule ingestKnowsNoOtherService = knowsNoOther(INGEST, TRAINER, VALIDATOR, REGISTRY, DIFFUSION);

    @ArchTest
    static final ArchRule trainerKnowsNoOtherService = knowsNoOther(TRAINER, INGEST, VALIDATOR, REGISTRY);

    @ArchTest
    static final ArchRule validatorKnowsNoOtherService = knowsNoOther(VALIDATOR, INGEST, TRAINER, REGISTRY);

    @ArchTest
    static final ArchRule registryKnowsNoOtherService = knowsNoOther(REGISTRY, INGEST, TRAINER, VALIDATOR);

    @ArchTest
    static final ArchRule onlyTheCommandEndsTheProcess = noClasses()
            .that()
            .resideOutsideOfPackage(CLI)
            .should()
            .callMethod(System.class, "exit", int.class)
            .because("a library that ends the process takes its callers with it");

    @ArchTest
    static final ArchRule onlyTheEventsNameTopics = noClasses()
            .that()
            .resideOutsideOfPackage(EVENTS)
            .should()
            .callConstructor(
                    io.aquatint.events.Topic.class,
                    String.class,
                    Class.class,
                    java.util.function.Function.class,
                    int.class,
                    java.util.Map.class)
            .because("topic names stand in Topics and nowhere else");

    @ArchTest
    static final ArchRule ourClassesAreInKnownModules = classes()
            .that()
            .resideInAPackage(OURS)
            .should()
            .resideInAnyPackage(
                    EVENTS, DIFFUSION, RUNTIME, INGEST, TRAINER, VALIDATOR, REGISTRY, PRETRAINING, STANDALONE, CLI)
            .because("these rules hold for every module only while they name every module");

    private static ArchRule knowsNoOther(String service, String... others) {
        return noClasses()
                .that()
                .resideInAPackage(service)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others)
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(PRETRAINING, STANDALONE, CLI)
                .because("services know each other's events, never each other, so that each can run alone")
                .allowEmptyShould(true);
    }
}
