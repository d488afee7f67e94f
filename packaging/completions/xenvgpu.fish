# fish completion for xenvgpu(1): what its completion for bash offers, so that there is one to keep right.

function __xenvgpu_complete
        set -l file /usr/share/bash-completion/completions/xenvgpu
        set -q XENVGPU_BASH_COMPLETION; and set file $XENVGPU_BASH_COMPLETION
        bash -c '. "$1" && COMP_WORDBREAKS= COMP_LINE=$2 COMP_POINT=${#2} && _xenvgpu && printf "%s\n" "${COMPREPLY[@]}"' \
                - $file (commandline -cp | string collect) 2>/dev/null
end
complete -c xenvgpu -f -a '(__xenvgpu_complete)'
