/* A stand-in for NVIDIA's management library: as many GPUs, with the readings, as a file says.
 *
 * One line a GPU: utilisation [%] or "-", memory used and total [MiB], power [mW], temperature [C],
 * a name to the end of the line. The file is read at every call, so a test may change it while Ray
 * runs: $RAYSPACE_FAKE_GPUS, or /tmp/fake-gpus. Without it there is no GPU.
 *
 * Source of the names and structures: nvml.h of CUDA 12.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GPUS 64
#define INVALID 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6

typedef void *device;
struct memory { unsigned long long total, free, used; };
struct utilisation { unsigned gpu, memory; };
struct gpu { int util; unsigned used_mib, total_mib, power_mw, celsius; char name[64]; };

static int index_of[MAX_GPUS];

static int read_all(struct gpu *gpus) {
    const char *path = getenv("RAYSPACE_FAKE_GPUS");
    FILE *file = fopen(path ? path : "/tmp/fake-gpus", "r");
    char line[256], util[16];
    int n = 0;
    if (!file) return 0;
    while (n < MAX_GPUS && fgets(line, sizeof line, file)) {
        struct gpu *g = &gpus[n];
        if (sscanf(line, "%15s %u %u %u %u %63[^\n]", util, &g->used_mib, &g->total_mib,
                   &g->power_mw, &g->celsius, g->name) != 6)
            continue;
        g->util = util[0] == '-' ? -1 : atoi(util);
        n++;
    }
    fclose(file);
    return n;
}

static int read_one(device d, struct gpu *g) {
    struct gpu gpus[MAX_GPUS];
    int i = *(int *)d, n = read_all(gpus);
    if (i >= n) return 15; /* GPU is lost */
    *g = gpus[i];
    return 0;
}

int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code ? "stand-in: error" : "stand-in: success"; }

int nvmlDeviceGetCount_v2(unsigned *n) {
    struct gpu gpus[MAX_GPUS];
    *n = (unsigned)read_all(gpus);
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, device *d) {
    unsigned n;
    nvmlDeviceGetCount_v2(&n);
    if (i >= n) return INVALID;
    index_of[i] = (int)i;
    *d = &index_of[i];
    return 0;
}

int nvmlDeviceGetIndex(device d, unsigned *i) { *i = (unsigned)*(int *)d; return 0; }

int nvmlDeviceGetName(device d, char *name, unsigned length) {
    struct gpu g;
    int code = read_one(d, &g);
    if (!code) snprintf(name, length, "%s", g.name);
    return code;
}

int nvmlDeviceGetUUID(device d, char *uuid, unsigned length) {
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-%012d", *(int *)d);
    return 0;
}

int nvmlDeviceGetMemoryInfo(device d, struct memory *m) {
    struct gpu g;
    int code = read_one(d, &g);
    if (code) return code;
    m->total = (unsigned long long)g.total_mib << 20;
    m->used = (unsigned long long)g.used_mib << 20;
    m->free = m->total - m->used;
    return 0;
}

int nvmlDeviceGetUtilizationRates(device d, struct utilisation *u) {
    struct gpu g;
    int code = read_one(d, &g);
    if (code) return code;
    if (g.util < 0) return NOT_SUPPORTED;
    u->gpu = (unsigned)g.util;
    u->memory = 0;
    return 0;
}

int nvmlDeviceGetPowerUsage(device d, unsigned *mw) {
    struct gpu g;
    int code = read_one(d, &g);
    if (!code) *mw = g.power_mw;
    return code;
}

int nvmlDeviceGetTemperature(device d, int sensor, unsigned *celsius) {
    struct gpu g;
    int code = read_one(d, &g);
    (void)sensor;
    if (!code) *celsius = g.celsius;
    return code;
}

int nvmlDeviceGetMigMode(device d, unsigned *now, unsigned *later) {
    (void)d; (void)now; (void)later;
    return NOT_SUPPORTED;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "stand-in");
    return 0;
}

int nvmlDeviceGetProcessUtilization(device d, void *samples, unsigned *n, unsigned long long since) {
    (void)d; (void)samples; (void)since;
    *n = 0;
    return NOT_FOUND;
}

#define NO_PROCESSES(name) \
    int name(device d, unsigned *n, void *list) { (void)d; (void)list; *n = 0; return 0; }
NO_PROCESSES(nvmlDeviceGetComputeRunningProcesses)
NO_PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2)
NO_PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3)
NO_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses)
NO_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2)
NO_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3)
