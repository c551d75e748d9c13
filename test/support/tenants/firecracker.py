#!/usr/bin/python3
# Stands in for Firecracker where there is no KVM: checks its arguments and its configuration as that would, opens what it
# names, and plays the machine itself: runs the application of the order, and offers its ports at the vsock's socket.
import json
import os
import signal
import socket
import subprocess
import sys
import threading

BAD_ARGUMENTS = 153
BAD_CONFIGURATION = 152
SECTOR = 512
ORDER_PORT = 2
KEYS = {
    "boot-source": {"kernel_image_path", "initrd_path", "boot_args"},
    "machine-config": {"vcpu_count", "mem_size_mib"},
    "vsock": {"guest_cid", "uds_path"},
}
DRIVE_KEYS = {"drive_id", "path_on_host", "is_root_device", "is_read_only"}


def refuse(code, reason):
    print(f"fake firecracker: {reason}", file=sys.stderr)
    sys.exit(code)


def parse_arguments(arguments):
    known = {"--no-api": 0, "--config-file": 1, "--level": 1}
    found = {}
    while arguments:
        name = arguments.pop(0)
        if name not in known:
            refuse(BAD_ARGUMENTS, f"unknown argument {name}")
        found[name] = [arguments.pop(0) for _ in range(known[name])]
    if "--no-api" not in found or "--config-file" not in found:
        refuse(BAD_ARGUMENTS, "no configuration")
    return found["--config-file"][0]


def check(condition, reason):
    if not condition:
        refuse(BAD_CONFIGURATION, reason)


def read_configuration(path):
    with open(path) as file:
        config = json.load(file)
    check(set(config) == {*KEYS, "drives"}, f"sections {sorted(config)}")
    for section, keys in KEYS.items():
        check(set(config[section]) == keys, f"keys of {section}")
    for drive in config["drives"]:
        check(set(drive) == DRIVE_KEYS, "keys of a drive")
        check(not drive["is_root_device"], "a root device beside an initrd")
        mode = os.O_RDONLY if drive["is_read_only"] else os.O_RDWR
        os.close(os.open(drive["path_on_host"], mode))
        check(os.path.getsize(drive["path_on_host"]) % SECTOR == 0, "a disk of half a sector")
    check(1 <= config["machine-config"]["vcpu_count"] <= 32, "processors")
    check(config["machine-config"]["mem_size_mib"] >= 1, "memory")
    check(config["vsock"]["guest_cid"] >= 3, "the number of the guest")
    open(config["boot-source"]["kernel_image_path"], "rb").close()
    return config


def read_order(path):
    """The first file of the archive, which is all that a machine is told."""
    with open(path, "rb") as file:
        archive = file.read()
    check(archive[:6] == b"070701", "an initrd that is no archive")
    size, name_size = (int(archive[at : at + 8], 16) for at in (54, 94))
    start = (110 + name_size + 3) & ~3
    check(archive[110 : 110 + name_size] == b"order\0", "no order in the initrd")
    records = archive[start : start + size].decode().split("\0")[:-1]
    return [record.split("=", 1) for record in records]


def values(order, name):
    return [value for key, value in order if key == name]


def start_application(order):
    env = dict(entry.split("=", 1) for entry in values(order, "env"))
    return subprocess.Popen(values(order, "argument"), env=env, cwd="/", start_new_session=True)


def tell(config, words):
    with open(config["drives"][2]["path_on_host"], "r+b") as status:
        status.write(f"{words}\n".encode().ljust(SECTOR, b"\0"))


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def read_line(connection):
    line = b""
    while not line.endswith(b"\n") and len(line) < 64:
        byte = connection.recv(1)
        if not byte:
            return ""
        line += byte
    return line.decode()


def serve(connection, application, port):
    words = read_line(connection).split()
    if len(words) != 2 or words[0] != "CONNECT":
        return connection.close()
    if int(words[1]) == ORDER_PORT:
        connection.sendall(b"OK 1073741824\n")
        os.killpg(application.pid, int(read_line(connection).split()[1]))
        return connection.close()
    try:
        if int(words[1]) != port:
            raise OSError
        target = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return connection.close()
    connection.sendall(b"OK 1073741825\n")
    threading.Thread(target=copy, args=(target, connection), daemon=True).start()
    copy(connection, target)


def listen(path, application, port):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, application, port), daemon=True).start()


def main():
    config = read_configuration(parse_arguments(sys.argv[1:]))
    order = read_order(config["boot-source"]["initrd_path"])
    application = start_application(order)
    tell(config, "started")
    port = int(values(order, "port")[0])
    path = config["vsock"]["uds_path"]
    threading.Thread(target=listen, args=(path, application, port), daemon=True).start()
    code = application.wait()
    tell(config, f"exit {code}" if code >= 0 else f"signal {-code}")
    # What a guest's reboot ends it with.
    sys.stdout.flush()
    os._exit(0)


signal.signal(signal.SIGTERM, signal.SIG_DFL)
main()
