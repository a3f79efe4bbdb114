# One image for every service: `docker run aquatint ingest`, `trainer`, `validator`, `registry`.
#
# It is made of what `mvn -DskipTests package` left in cli/target/lib, so build that first: Maven does not run inside the image,
# which would need a second image of a whole JDK and would fetch every library again.
FROM eclipse-temurin:17-jre

# A user of our own; not 1000, which Ubuntu gives to its user `ubuntu`.
RUN groupadd --gid 10001 aquatint \
    && useradd --uid 10001 --gid aquatint --no-log-init --home-dir /var/lib/aquatint --shell /usr/sbin/nologin aquatint \
    && mkdir -p /var/lib/aquatint /models \
    && chown aquatint:aquatint /var/lib/aquatint /models

# Two layers, so that a new build of Aquatint, whose jars begin with an a, does not send PyTorch's again.
COPY cli/target/lib/[^a]*.jar /opt/aquatint/lib/
COPY cli/target/lib/a*.jar /opt/aquatint/lib/

# DJL unpacks PyTorch's native libraries from their jar into DJL_CACHE_DIR at the first use: nothing is downloaded.
# Threads that wait do not spin: the cores have other work. Matrix products add in one order: a resumed training is exact.
ENV DJL_CACHE_DIR=/var/lib/aquatint/djl \
    DJL_OFFLINE=true \
    OPT_OUT_TRACKING=true \
    OMP_WAIT_POLICY=passive \
    MKL_CBWR=AUTO,STRICT \
    AQUATINT_INGEST_WORK=/var/lib/aquatint/work \
    AQUATINT_TRAINER_WORK=/var/lib/aquatint/work \
    AQUATINT_VALIDATOR_WORK=/var/lib/aquatint/work \
    AQUATINT_REGISTRY_WORK=/var/lib/aquatint/work

USER aquatint
WORKDIR /var/lib/aquatint
VOLUME /var/lib/aquatint
EXPOSE 8080

# Ready is more than alive: every part of the service has begun its work.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://localhost:8080/health/ready"]

# Half of the memory limit is Java's heap; tensors live outside it. JDK_JAVA_OPTIONS adds to these or takes their place.
ENTRYPOINT ["java", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:MaxRAMPercentage=50", \
    "-cp", "/opt/aquatint/lib/*", "io.aquatint.cli.Aquatint"]
CMD ["--help"]
