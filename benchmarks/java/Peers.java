import com.yahoo.labs.samoa.instances.Attribute;
import com.yahoo.labs.samoa.instances.DenseInstance;
import com.yahoo.labs.samoa.instances.Instance;
import com.yahoo.labs.samoa.instances.Instances;
import com.yahoo.labs.samoa.instances.InstancesHeader;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import moa.classifiers.AbstractClassifier;
import moa.classifiers.Classifier;
import moa.classifiers.meta.OzaBag;
import moa.core.MiscUtils;
import moa.options.ClassOption;

/**
 * Runs MOA's classifiers prequentially over streams that are in memory, one run for each line of standard input:
 * learner, stream file, votes file, separated by tabs. Answers with the processor seconds of the loop alone, those of
 * the collector and the compiler among them, and with its elapsed seconds. A votes file of "-" is not written.
 *
 * A stream file, little-endian: int32 events, features, classes; int32 for each feature, how many codes it has (0:
 * numeric); float32 values, row by row; int16 classes. A votes file: float64, classes of them for each event.
 */
public class Peers {

    /** Online bagging whose Poisson mean is a ratio of decayed class sizes (Wang, Minku, Yao, IJCAI 2016). */
    public abstract static class RatedBagging extends OzaBag {
        private static final double DECAY = 0.9;
        private double[] sizes;

        /** The Poisson mean of a lesson of one class. */
        abstract double rate(double least, double most, double own);

        @Override
        public void resetLearningImpl() {
            super.resetLearningImpl();
            sizes = null;
        }

        @Override
        public void trainOnInstanceImpl(Instance event) {
            int label = (int) event.classValue();
            if (sizes == null) {
                sizes = new double[event.numClasses()];
                java.util.Arrays.fill(sizes, 1.0 / sizes.length);
            }
            double least = Double.MAX_VALUE;
            double most = 0;
            for (int k = 0; k < sizes.length; k++) {
                sizes[k] = DECAY * sizes[k] + (1 - DECAY) * (k == label ? 1 : 0);
                least = Math.min(least, sizes[k]);
                most = Math.max(most, sizes[k]);
            }
            double mean = rate(least, most, sizes[label]);
            for (Classifier member : ensemble) {
                int copies = MiscUtils.poisson(mean, classifierRandom);
                if (copies > 0) {
                    Instance lesson = event.copy();
                    lesson.setWeight(event.weight() * copies);
                    member.trainOnInstance(lesson);
                }
            }
        }
    }

    /** Oversampling: the largest class has mean one. */
    public static class OOB extends RatedBagging {
        @Override
        double rate(double least, double most, double own) {
            return most / own;
        }
    }

    /** Undersampling: the smallest class has mean one. */
    public static class UOB extends RatedBagging {
        @Override
        double rate(double least, double most, double own) {
            return least / own;
        }
    }

    private static Instances read(Path path) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        int n = in.getInt();
        int d = in.getInt();
        int classes = in.getInt();
        List<Attribute> attributes = new ArrayList<>();
        for (int j = 0; j < d; j++) {
            int codes = in.getInt();
            attributes.add(codes > 0 ? new Attribute("x" + j, names(codes)) : new Attribute("x" + j));
        }
        attributes.add(new Attribute("class", names(classes)));
        InstancesHeader header = new InstancesHeader(new Instances("stream", attributes, n));
        header.setClassIndex(d);
        Instances stream = new Instances(header, n);
        int labels = in.position() + 4 * n * d;
        for (int i = 0; i < n; i++) {
            double[] values = new double[d + 1];
            for (int j = 0; j < d; j++) {
                values[j] = in.getFloat();
            }
            values[d] = in.getShort(labels + 2 * i);
            Instance event = new DenseInstance(1.0, values);
            event.setDataset(header);
            stream.add(event);
        }
        return stream;
    }

    private static List<String> names(int count) {
        List<String> made = new ArrayList<>();
        for (int k = 0; k < count; k++) {
            made.add(Integer.toString(k));
        }
        return made;
    }

    private static Classifier make(String learner, Instances stream) throws Exception {
        AbstractClassifier made;
        if (learner.startsWith("OOB") || learner.startsWith("UOB")) {
            made = learner.startsWith("OOB") ? new OOB() : new UOB();
            made.getOptions().setViaCLIString(learner.substring(3).trim());
        } else {
            made = (AbstractClassifier) ClassOption.cliStringToObject(learner, Classifier.class, null);
        }
        made.setModelContext(new InstancesHeader(stream));
        made.prepareForUse();
        return made;
    }

    private static String run(Classifier model, Instances stream, double[][] votes) {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        int n = stream.numInstances();
        long begun = System.nanoTime();
        long start = system.getProcessCpuTime();
        for (int i = 0; i < n; i++) {
            Instance event = stream.instance(i);
            votes[i] = model.getVotesForInstance(event);
            model.trainOnInstance(event);
        }
        return (system.getProcessCpuTime() - start) / 1e9 + "\t" + (System.nanoTime() - begun) / 1e9;
    }

    private static void write(Path path, double[][] votes, int classes) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(8 * votes.length * classes).order(ByteOrder.LITTLE_ENDIAN);
        for (double[] row : votes) {
            for (int k = 0; k < classes; k++) {
                out.putDouble(k < row.length ? row[k] : 0.0);
            }
        }
        Files.write(path, out.array());
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Instances> streams = new HashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] asked = line.split("\t");
            if (!streams.containsKey(asked[1])) {
                streams.clear();
                streams.put(asked[1], read(Path.of(asked[1])));
            }
            Instances stream = streams.get(asked[1]);
            Classifier model = make(asked[0], stream);
            double[][] votes = new double[stream.numInstances()][];
            System.gc();
            String seconds = run(model, stream, votes);
            if (!asked[2].equals("-")) {
                write(Path.of(asked[2]), votes, stream.numClasses());
            }
            System.out.println(seconds);
        }
    }
}
