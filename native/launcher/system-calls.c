// The system calls that the filter allows or refuses, for x86-64 and arm64. All others depend on the service's setting.
// The allowed ones are those of systemd's @system-service, without keyrings and io_uring, and with ptrace: debuggers,
// profilers and crash reporters need it, and it reaches only processes of the tenant's own pid namespace and user.
#define _GNU_SOURCE
#include "system-calls.h"

#include <sys/syscall.h>

// Newer than many C libraries. The numbers are the same on all architectures.
enum {
  SYSCALL_URETPROBE = 335, // of x86-64 alone
  SYSCALL_UPROBE = 336,    // of x86-64 alone
  SYSCALL_PIDFD_SEND_SIGNAL = 424,
  SYSCALL_PIDFD_OPEN = 434,
  SYSCALL_CLOSE_RANGE = 436,
  SYSCALL_OPENAT2 = 437,
  SYSCALL_PIDFD_GETFD = 438,
  SYSCALL_FACCESSAT2 = 439,
  SYSCALL_PROCESS_MADVISE = 440,
  SYSCALL_EPOLL_PWAIT2 = 441,
  SYSCALL_MOUNT_SETATTR = 442,
  SYSCALL_QUOTACTL_FD = 443,
  SYSCALL_LANDLOCK_CREATE_RULESET = 444,
  SYSCALL_LANDLOCK_ADD_RULE = 445,
  SYSCALL_LANDLOCK_RESTRICT_SELF = 446,
  SYSCALL_PROCESS_MRELEASE = 448,
  SYSCALL_FUTEX_WAITV = 449,
  SYSCALL_SET_MEMPOLICY_HOME_NODE = 450,
  SYSCALL_CACHESTAT = 451,
  SYSCALL_FCHMODAT2 = 452,
  SYSCALL_MAP_SHADOW_STACK = 453,
  SYSCALL_FUTEX_WAKE = 454,
  SYSCALL_FUTEX_WAIT = 455,
  SYSCALL_FUTEX_REQUEUE = 456,
  SYSCALL_MSEAL = 462,
  SYSCALL_SETXATTRAT = 463,
  SYSCALL_GETXATTRAT = 464,
  SYSCALL_LISTXATTRAT = 465,
  SYSCALL_REMOVEXATTRAT = 466,
  SYSCALL_OPEN_TREE_ATTR = 467,
  SYSCALL_FILE_SETATTR = 469,
};

static const short ALLOWED[] = {
  // files
  SYS_openat, SYSCALL_OPENAT2, SYS_close, SYSCALL_CLOSE_RANGE, SYS_read, SYS_readv, SYS_pread64, SYS_preadv,
  SYS_preadv2, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_lseek, SYS_sendfile, SYS_splice,
  SYS_tee, SYS_vmsplice, SYS_copy_file_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_fstat, SYS_newfstatat,
  SYS_statx, SYS_statfs, SYS_fstatfs, SYS_getdents64, SYS_faccessat, SYSCALL_FACCESSAT2, SYS_readlinkat, SYS_linkat,
  SYS_symlinkat, SYS_unlinkat, SYS_mkdirat, SYS_mknodat, SYS_renameat, SYS_renameat2, SYS_truncate, SYS_ftruncate,
  SYS_fallocate, SYS_utimensat, SYS_fchmod, SYS_fchmodat, SYSCALL_FCHMODAT2, SYS_fchown, SYS_fchownat, SYS_chdir,
  SYS_fchdir, SYS_getcwd, SYS_umask, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYSCALL_SETXATTRAT, SYS_getxattr,
  SYS_lgetxattr, SYS_fgetxattr, SYSCALL_GETXATTRAT, SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYSCALL_LISTXATTRAT,
  SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYSCALL_REMOVEXATTRAT, SYS_fsync, SYS_fdatasync, SYS_sync,
  SYS_syncfs, SYS_sync_file_range, SYS_fadvise64, SYS_readahead, SYSCALL_CACHESTAT, SYS_name_to_handle_at,
  SYS_memfd_create, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
  // asynchronous access to files
  SYS_io_setup, SYS_io_destroy, SYS_io_submit, SYS_io_cancel, SYS_io_getevents, SYS_io_pgetevents,
  // waiting for descriptors
  SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYSCALL_EPOLL_PWAIT2, SYS_ppoll, SYS_pselect6, SYS_eventfd2,
  SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
  // memory
  SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYSCALL_PROCESS_MADVISE, SYS_mincore, SYS_msync,
  SYS_remap_file_pages, SYS_mlock, SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall, SYS_pkey_alloc, SYS_pkey_free,
  SYS_pkey_mprotect, SYSCALL_MAP_SHADOW_STACK, SYSCALL_MSEAL, SYS_membarrier, SYS_mbind, SYS_get_mempolicy,
  SYS_set_mempolicy, SYSCALL_SET_MEMPOLICY_HOME_NODE, SYS_migrate_pages, SYS_move_pages,
  // processes and threads
  SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_getpid, SYS_getppid, SYS_gettid,
  SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list,
  SYS_rseq, SYS_futex, SYSCALL_FUTEX_WAITV, SYSCALL_FUTEX_WAKE, SYSCALL_FUTEX_WAIT, SYSCALL_FUTEX_REQUEUE, SYS_prctl,
  SYS_personality, SYSCALL_PIDFD_OPEN, SYSCALL_PIDFD_GETFD, SYSCALL_PIDFD_SEND_SIGNAL, SYSCALL_PROCESS_MRELEASE,
  SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
  // signals
  SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_rt_sigqueueinfo,
  SYS_rt_tgsigqueueinfo, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_sigaltstack,
  // users, groups and capabilities, none of which a tenant can gain
  SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_setuid, SYS_setgid,
  SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_capget,
  SYS_capset,
  // resources and scheduling
  SYS_getrlimit, SYS_setrlimit, SYS_prlimit64, SYS_getrusage, SYS_times, SYS_sysinfo, SYS_uname, SYS_getcpu,
  SYS_getpriority, SYS_setpriority, SYS_ioprio_get, SYS_ioprio_set, SYS_sched_yield, SYS_sched_getaffinity,
  SYS_sched_setaffinity, SYS_sched_getattr, SYS_sched_setattr, SYS_sched_getparam, SYS_sched_setparam,
  SYS_sched_getscheduler, SYS_sched_setscheduler, SYS_sched_get_priority_max, SYS_sched_get_priority_min,
  SYS_sched_rr_get_interval,
  // time
  SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getitimer,
  SYS_setitimer, SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime,
  SYS_restart_syscall,
  // sockets and pipes
  SYS_pipe2, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_shutdown, SYS_sendto, SYS_sendmsg,
  SYS_sendmmsg, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
  SYS_setsockopt,
  // System V and POSIX IPC
  SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
  SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify,
  SYS_mq_getsetattr,
  // further restrictions of a tenant's own
  SYS_seccomp, SYSCALL_LANDLOCK_CREATE_RULESET, SYSCALL_LANDLOCK_ADD_RULE, SYSCALL_LANDLOCK_RESTRICT_SELF,
#if defined(__x86_64__)
  // older forms of calls above, which arm64 never had
  SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_link, SYS_symlink, SYS_unlink, SYS_mkdir,
  SYS_rmdir, SYS_mknod, SYS_rename, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
  SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_signalfd,
  SYS_inotify_init, SYS_fork, SYS_vfork, SYS_getpgrp, SYS_time, SYS_alarm, SYS_pause,
  // thread-local storage
  SYS_arch_prctl, SYS_set_thread_area, SYS_get_thread_area,
  // a program that the host traces with uprobes calls these; its own calls are fatal to it alone
  SYSCALL_URETPROBE, SYSCALL_UPROBE,
#endif
  // other
  SYS_getrandom};

static const short REFUSED[] = {
  // mounts
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig,
  SYS_fsmount, SYS_fspick, SYSCALL_MOUNT_SETATTR, SYSCALL_OPEN_TREE_ATTR,
  // namespaces; the calls that create them depend on their flags, which the filter reads
  SYS_setns, SYS_sethostname, SYS_setdomainname,
  // large parts of the kernel that few programs use and many exploits went through
  SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
  // keyrings, which all processes of a user share across namespaces
  SYS_add_key, SYS_request_key, SYS_keyctl,
  // the kernel itself
  SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_syslog, SYS_kcmp,
#ifdef SYS_kexec_file_load
  SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
  SYS_iopl, SYS_ioperm,
#endif
  // disks, quotas, accounting; file_setattr and its ioctl would let a tenant leave its project quota
  SYS_quotactl, SYSCALL_QUOTACTL_FD, SYSCALL_FILE_SETATTR, SYS_swapon, SYS_swapoff, SYS_acct, SYS_open_by_handle_at,
  // the clock
  SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime};

const struct call_list ALLOWED_CALLS = {ALLOWED, sizeof ALLOWED / sizeof *ALLOWED};
const struct call_list REFUSED_CALLS = {REFUSED, sizeof REFUSED / sizeof *REFUSED};
