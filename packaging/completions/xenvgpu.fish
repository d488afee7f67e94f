# fish completion for xenvgpu(1): what its completion for bash offers, so that there is one to keep right.

function __xenvgpu_complete
        set -l file /usr/share/bash-completion/completions/xenvgpu
        set -q XENVGPU_BASH_COMPLETION; and set file $XENVGPU_BASH_COMPLETION
        bash $file (commandline -cp | string collect) 2>/dev/null
end
complete -c xenvgpu -f -a '(__xenvgpu_complete)'
