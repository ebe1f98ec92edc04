/* doctor.h - what the files of `taper doctor` share: a line, a finding.
 *
 * Layer: cli.  Depends on cli.h.  Read next: doctor.c. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/cli.h"

void tell(const char *name, const char *format, ...) TP_PRINTF(2, 3);
void wrong(const char *format, ...) TP_PRINTF(1, 2); /* goes into the list at the end */

void tell_machine(void); /* processor, threads, memory, disk */
void tell_devices(void); /* what NVIDIA's driver and OpenCL know */

#endif
