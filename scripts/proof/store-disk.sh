# a disk that is full, read-only or without inodes; as root, or with user namespaces
need mkfs.ext4 e2fsprogs
need mount mount
crash "$scratch/crash.test"
prove 'troubles of the file system' "$scratch/crash.test" TestDisk "${more[@]}"
